package cohort

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/cineloop/cineloop/clip"
)

// source is what is decoded: a path as clip.Open takes it, in its colours or as grey, and how it is sampled once it is decoded.
type source struct {
	path string
	grey bool
	work string // of a working clip: what [clip.Working] does to it; empty: the stored clip
}

// workOf names the sampling that in asks for: its digest material without what comes after sampling.
func workOf(in clip.InputSpec) string {
	if !in.Working {
		return ""
	}
	in.EvalClips = max(1, in.EvalClips)
	in.Window, in.Normalise, in.Mean, in.Std = nil, "", nil, nil
	b, err := json.Marshal(in)
	if err != nil {
		panic(err) // numbers and texts
	}
	return string(b)
}

// sourceKey names a clip in a cache that outlives the process: a digest of the source's path, sizes and times, of how it is read, and of
// the reader's version, so that a changed source or reader is never served stale.
type sourceKey [sha256.Size]byte

// keyOf is the key of src; false when the source cannot be looked at.
func keyOf(src source) (key sourceKey, ok bool) {
	h := sha256.New()
	path := src.path
	fmt.Fprintf(h, "%s\x00%s\x00%v\x00%s\x00", clip.ReaderVersion, path, src.grey, src.work)
	st, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if i := strings.LastIndexByte(path, '#'); i > 0 {
			st, err = os.Stat(path[:i])
		}
	}
	if err != nil {
		return key, false
	}
	fmt.Fprintf(h, "%d %d\x00", st.Size(), st.ModTime().UnixNano())
	if st.IsDir() {
		entries, err := os.ReadDir(path)
		if err != nil {
			return key, false
		}
		for _, e := range entries {
			info, err := e.Info()
			if err != nil {
				return key, false
			}
			fmt.Fprintf(h, "%s\x00%d %d\x00", e.Name(), info.Size(), info.ModTime().UnixNano())
		}
	}
	h.Sum(key[:0])
	return key, true
}
