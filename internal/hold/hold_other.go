//go:build !linux

package hold

import (
	"io"
	"os"
)

// File makes the file. On this system nothing is locked.
func File(path string) (io.Closer, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
