// Package cachedir says where this program keeps what it can make again: compiled bridges and codecs.
package cachedir

import (
	"os"
	"path/filepath"

	"github.com/cineloop/cineloop/internal/fault"
)

// Dir is $CINELOOP_CACHE, or cineloop in the user's cache folder. It need not exist.
func Dir() (string, error) {
	if dir := os.Getenv("CINELOOP_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fault.New(fault.Missing, "no cache folder: %w", err).WithHint("set CINELOOP_CACHE")
	}
	return filepath.Join(dir, "cineloop"), nil
}
