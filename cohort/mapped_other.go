//go:build !unix

package cohort

import (
	"errors"
	"os"
)

const canMap = false

var errNoMap = errors.New("no memory-mapped files on this system")

func mapFile(*os.File, int64) ([]byte, error) { return nil, errNoMap }
func unmapFile([]byte)                        {}
func lockFile(*os.File, bool, bool) error     { return errNoMap }
