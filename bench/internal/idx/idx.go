// Package idx reads the files that MNIST and its kin come in (LeCun and Cortes), gzipped.
package idx

import (
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"os"
)

// Read returns the bytes after the header. magic is 0x803 for pictures and 0x801 for labels: its last byte is the number of dimensions.
func Read(path string, magic uint32) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	all, err := io.ReadAll(z)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	header := 4 + 4*int(magic&0xff)
	if len(all) < header || binary.BigEndian.Uint32(all) != magic {
		return nil, fmt.Errorf("%s: not an idx file of kind %#x", path, magic)
	}
	return all[header:], nil
}
