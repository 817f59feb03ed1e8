package dicom

import (
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/dicom/tag"
)

// BenchmarkScan opens the headers of every real file of the corpus, warm.
func BenchmarkScan(b *testing.B) {
	dir, names, want := corpus(b)
	var paths []string
	for _, n := range names {
		if want[n].Pydicom == "ok" {
			paths = append(paths, filepath.Join(dir, n))
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, p := range paths {
			f, err := Open(p, StopBefore(tag.PixelData))
			if err == nil {
				f.Close()
			}
		}
	}
	b.ReportMetric(float64(b.N*len(paths))/b.Elapsed().Seconds(), "files/s")
}
