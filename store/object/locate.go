package object

import (
	"context"
	"path/filepath"
)

// Locate says where an object lies as a file of this machine, for readers that take files: nobody but the store may write there. path is
// empty where the store is no folder, or the content is sealed. Code fault.NotFound says that the object is absent.
func (s *Store) Locate(ctx context.Context, d Digest) (path string, sealed bool, err error) {
	e, sealed, err := s.find(ctx, d)
	if err != nil || sealed {
		return "", sealed, err
	}
	f, ok := s.back.(*files)
	if !ok {
		return "", false, nil
	}
	path, err = filepath.Abs(f.path(e.name))
	return path, false, err
}
