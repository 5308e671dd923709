dnl SPDX-License-Identifier: MIT
dnl Where things are on this system: libresolv, systemd's directories.

dnl MXD_CHECK_RESOLV
dnl Sets RESOLV_LIBS to what the message parser of libresolv needs. Its
dnl functions are macros or renamed symbols in some libcs, so that only a
dnl program that includes the headers tells.
AC_DEFUN([MXD_CHECK_RESOLV], [
  RESOLV_LIBS=
  mxd_save_LIBS=$LIBS
  mxd_resolv=no
  AC_MSG_CHECKING([for ns_initparse and ns_name_uncompress])
  for mxd_lib in '' -lresolv; do
    LIBS="$mxd_lib $mxd_save_LIBS"
    AC_LINK_IFELSE([AC_LANG_PROGRAM([[
      #include <sys/types.h>
      #include <netinet/in.h>
      #include <arpa/nameser.h>
      #include <resolv.h>
    ]], [[
      ns_msg msg;
      ns_rr rr;
      unsigned char wire[64] = {0};
      char name[NS_MAXDNAME];
      return ns_initparse(wire, sizeof(wire), &msg) +
        ns_parserr(&msg, ns_s_an, 0, &rr) +
        ns_name_uncompress(wire, wire + sizeof(wire), wire, name,
          sizeof(name));
    ]])], [mxd_resolv=yes; RESOLV_LIBS=$mxd_lib; break])
  done
  LIBS=$mxd_save_LIBS
  AS_IF([test "$mxd_resolv" = no], [
    AC_MSG_RESULT([no])
    AC_MSG_ERROR([libresolv has no message parser (ns_initparse)])
  ])
  AC_MSG_RESULT([${RESOLV_LIBS:-in libc}])
  AC_SUBST([RESOLV_LIBS])
])

dnl MXD_CHECK_MILTER
dnl Sets have_milter and MILTER_LIBS. libmilter has no .pc file in most systems.
AC_DEFUN([MXD_CHECK_MILTER], [
  have_milter=no
  MILTER_LIBS=
  AS_IF([test "$with_milter" != no], [
    mxd_save_LIBS=$LIBS
    AC_CHECK_HEADER([libmilter/mfapi.h], [
      AC_CHECK_LIB([milter], [smfi_main],
        [have_milter=yes; MILTER_LIBS=-lmilter], [], [-lpthread])])
    LIBS=$mxd_save_LIBS
    AS_IF([test "$have_milter,$with_milter" = no,yes],
      [AC_MSG_ERROR([libmilter was not found (Debian: libmilter-dev)])])
  ])
  AC_SUBST([MILTER_LIBS])
])

dnl MXD_SYSTEMD_DIR(NAME, BELOW LIB, WHAT)
dnl Sets NAME to where systemd reads WHAT: for a package (prefix /usr) what
dnl systemd.pc says, for any other prefix PREFIX/lib/..., so that an
dnl installation below /usr/local or a home stays in its prefix. Empty where
dnl systemd.pc is not there, or with --without-NAME. Where systemd does not look
dnl there, mxd_unread and mxd_unread_options say so: see MXD_SYSTEMD_WARN.
AC_DEFUN([MXD_SYSTEMD_DIR], [
  AC_ARG_WITH([$1],
    [AS_HELP_STRING([--with-$1=DIR], [directory for systemd $3])],
    [], [with_$1=auto])
  AS_CASE([$with_$1],
    [no], [$1=],
    [auto|yes], [
      PKG_CHECK_VAR([mxd_pc_$1], [systemd], [$1])
      AS_IF([test -n "$mxd_pc_$1" && test "$prefix" != /usr],
        [$1='${prefix}/lib/$2'], [$1=$mxd_pc_$1])
      AS_IF([test -z "$$1" && test "$with_$1" = yes],
        [AC_MSG_ERROR([systemd.pc does not name $1])])
    ],
    [$1=$with_$1])
  AC_SUBST([$1])
  AS_IF([test "$prefix" = NONE],
    [mxd_prefix=$ac_default_prefix], [mxd_prefix=$prefix])
  mxd_dir=`echo "$$1" | $SED "s|.{prefix}|$mxd_prefix|"`
  AS_CASE([$mxd_dir],
    [''|/etc/$2|/run/$2|/usr/local/lib/$2|/usr/lib/$2|/lib/$2], [],
    [AS_VAR_APPEND([mxd_unread], [" $mxd_dir"])
     AS_VAR_APPEND([mxd_unread_options], [" --with-$1=/etc/$2"])])
])

dnl MXD_SYSTEMD_WARN
dnl What an operator has to do for files that systemd would not find. They stay
dnl in the prefix: an installation elsewhere is for whoever asks for it.
AC_DEFUN([MXD_SYSTEMD_WARN], [
  AS_IF([test -n "$mxd_unread"], [
    AC_MSG_WARN([systemd does not look into$mxd_unread; to have it find what is installed there configure with$mxd_unread_options])
  ])
])
