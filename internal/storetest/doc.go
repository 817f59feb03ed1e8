// Package storetest holds the conformance suites of the store room: what every object store and every catalog must do, whatever it
// stands on. Tests of the implementations call them; so should whoever adds one.
package storetest
