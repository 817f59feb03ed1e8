// Package bridge finds a libtorch on this machine and gives package torch a shared library that speaks to it.
//
// An [Installation] is a libtorch with its headers: $LIBTORCH, the distribution's package, or a Python torch. The bridge is one C++
// translation unit, embedded in the program and compiled here, on the user's machine, against the installation that was found. The
// result is cached under a digest of everything that it depends on: source, flags, compiler version, libtorch's version and place.
//
// Promises: [Find] looks at the candidates in one fixed order and says why it passed over each that it did not take; [Build] finds a
// cached bridge in milliseconds, never leaves a half-written one, and lets one process compile while others wait.
package bridge
