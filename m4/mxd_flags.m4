dnl SPDX-License-Identifier: MIT
dnl Compiler and linker flags, each kept only when the compiler takes it.

dnl MXD_CHECK_FLAGS_(VARIABLE, FLAGS, LINK OR COMPILE)
dnl Probes with -Werror: clang merely warns of warnings that it does not know.
dnl The program includes a header of libc, for what libc itself has to say.
m4_define([MXD_CHECK_FLAGS_], [
  AC_LANG_PUSH([C])
  mxd_save_CFLAGS=$CFLAGS
  for mxd_flag in $2; do
    AC_MSG_CHECKING([whether $CC accepts $mxd_flag])
    CFLAGS="$mxd_save_CFLAGS $mxd_flag -Werror"
    $3([AC_LANG_PROGRAM([[#include <stdlib.h>]],
      [[return abs(0);]])],
      [AC_MSG_RESULT([yes])
       AS_VAR_APPEND([$1], ["${$1:+ }$mxd_flag"])],
      [AC_MSG_RESULT([no])])
  done
  CFLAGS=$mxd_save_CFLAGS
  AC_LANG_POP([C])
])

dnl MXD_CHECK_CFLAGS(VARIABLE, FLAGS)
dnl Appends those FLAGS to the shell variable that compile. Flags that only
dnl make sense together stand in double quotes.
AC_DEFUN([MXD_CHECK_CFLAGS],
  [MXD_CHECK_FLAGS_([$1], [m4_normalize([$2])], [AC_COMPILE_IFELSE])])

dnl MXD_CHECK_LDFLAGS(VARIABLE, FLAGS)
dnl The same for flags that have to link.
AC_DEFUN([MXD_CHECK_LDFLAGS],
  [MXD_CHECK_FLAGS_([$1], [m4_normalize([$2])], [AC_LINK_IFELSE])])
