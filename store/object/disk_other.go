//go:build !linux

package object

import "math"

func (f osFile) startWriteback() {}

func (osDisk) free(string) int64 { return math.MaxInt64 }

func (osDisk) whole(string) wholeSync { return nil }
