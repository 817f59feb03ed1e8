package export

import (
	"archive/zip"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/cineloop/cineloop/internal/atomicfile"
)

// Zip packs an export that [Write] wrote into dir into one file, the manifest last: whoever unpacks a zip that was cut has no manifest. Equal
// exports give equal bytes.
func Zip(ctx context.Context, m *Manifest, dir, to string) error {
	return atomicfile.Write(to, func(w io.Writer) error {
		z := zip.NewWriter(w)
		z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
		names := make([]string, 0, len(m.Files)+1)
		for _, f := range m.Files {
			names = append(names, f.Path)
		}
		slices.Sort(names)
		for _, name := range append(names, ManifestFile) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := pack(z, dir, name); err != nil {
				return fmt.Errorf("packing the export: %w", err)
			}
		}
		return z.Close()
	})
}

func pack(z *zip.Writer, dir, name string) error {
	f, err := os.Open(filepath.Join(dir, filepath.FromSlash(name)))
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := z.Create(name) // without a date: it would differ every time
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return err
}
