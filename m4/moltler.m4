dnl Options of moltler's own build.

dnl MOLTLER_WARNINGS: every warning we hold ourselves to; --enable-werror in CI.
AC_DEFUN([MOLTLER_WARNINGS],[
AC_ARG_ENABLE([werror],[AS_HELP_STRING([--enable-werror],[treat warnings as errors])])
WARN_CFLAGS="-Wall -Wextra -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith -Wformat=2 -Wundef -Wvla"
AS_IF([test "x$enable_werror" = xyes],[WARN_CFLAGS="$WARN_CFLAGS -Werror"])
AC_SUBST([WARN_CFLAGS])])

dnl MOLTLER_SANITIZERS: ASan and UBSan over everything that is built.
AC_DEFUN([MOLTLER_SANITIZERS],[
AC_ARG_ENABLE([sanitizers],[AS_HELP_STRING([--enable-sanitizers],[build with ASan and UBSan])])
AS_IF([test "x$enable_sanitizers" = xyes],[
  # UBSan rewrites expressions, and gcc then warns of conversions that are not
  # in the source; the plain build looks for those.
  SAN_CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -Wno-conversion"
  SAN_LDFLAGS="-fsanitize=address,undefined"])
AM_CONDITIONAL([SANITIZERS],[test "x$enable_sanitizers" = xyes])
AC_SUBST([SAN_CFLAGS]) AC_SUBST([SAN_LDFLAGS])])

dnl MOLTLER_FUZZING: link the fuzz targets with libFuzzer (needs clang); without
dnl it they are built as replayers of their corpora.
AC_DEFUN([MOLTLER_FUZZING],[
AC_ARG_ENABLE([fuzzing],[AS_HELP_STRING([--enable-fuzzing],[build fuzz targets with libFuzzer (CC=clang)])])
AS_IF([test "x$enable_fuzzing" = xyes],[
  FUZZ_CFLAGS="-fsanitize=fuzzer-no-link"; FUZZ_LDFLAGS="-fsanitize=fuzzer"])
AM_CONDITIONAL([FUZZING],[test "x$enable_fuzzing" = xyes])
AC_SUBST([FUZZ_CFLAGS]) AC_SUBST([FUZZ_LDFLAGS])])
