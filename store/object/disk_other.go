//go:build !linux

package object

import "math"

func (f osFile) startWriteback() {}

func (f osFile) direct(on bool) bool { return !on }

func (osDisk) bypass(string) bool { return false }

func (osDisk) free(string) int64 { return math.MaxInt64 }

func (osDisk) whole(string) wholeSync { return nil }
