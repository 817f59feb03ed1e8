//go:build !linux

package object

import (
	"io"
	"math"
	"os"
)

func (f osFile) startWriteback() {}

func (osDisk) free(string) int64 { return math.MaxInt64 }

func (osDisk) lock(path string) (io.Closer, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

func (osDisk) whole(string) wholeSync { return nil }
