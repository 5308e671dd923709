// SPDX-License-Identifier: MIT
// What every decoder of outside bytes answers.
#ifndef MXD_DECODED_H
#define MXD_DECODED_H

enum decoded {
	DECODED_OK,	   // one whole message; the outputs are set
	DECODED_NEED_MORE, // a valid beginning; call again with more bytes
	DECODED_BAD, // will never become a message; the outputs are not set
};

#endif
