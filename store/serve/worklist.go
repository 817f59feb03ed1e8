package serve

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"path/filepath"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/dimse"
	"github.com/cineloop/cineloop/dicom/match"
	"github.com/cineloop/cineloop/internal/fault"
)

// WorklistFolder answers worklist queries from the DICOM files in a folder, which are read again for every query. What is not DICOM is
// passed over: lock files and notes lie beside worklist files.
type WorklistFolder string

// Find gives the entries that match.
func (dir WorklistFolder) Find(ctx context.Context, q *dimse.FindRequest) iter.Seq2[*dicom.DataSet, error] {
	return func(yield func(*dicom.DataSet, error) bool) {
		err := filepath.WalkDir(string(dir), func(path string, d fs.DirEntry, err error) error {
			if err == nil {
				err = ctx.Err()
			}
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			f, err := dicom.Open(path)
			if err != nil {
				return nil
			}
			defer f.Close()
			if match.Matches(q.Identifier, f.DataSet) && !yield(match.Answer(q.Identifier, f.DataSet), nil) {
				return fs.SkipAll
			}
			return nil
		})
		if errors.Is(err, fs.ErrNotExist) {
			err = fault.New(fault.Internal, "the worklist's folder is gone")
		}
		if err != nil {
			yield(nil, err)
		}
	}
}
