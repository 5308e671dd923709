// SPDX-License-Identifier: MIT
// Compiler attributes under short names.
#ifndef MXD_ATTR_H
#define MXD_ATTR_H

// Argument `fmt` is a printf format for the arguments from `args` on.
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
// The result must be looked at.
#define MUST_CHECK __attribute__((warn_unused_result))
// The function does not return.
#define NORETURN __attribute__((noreturn))

// Number of elements of an array (not of a pointer).
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
