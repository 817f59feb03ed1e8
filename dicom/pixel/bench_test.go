package pixel

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/internal/testdata"
)

func openShared(t testing.TB, elem ...string) (*dicom.File, *Image) {
	t.Helper()
	f, err := dicom.Open(filepath.Join(testdata.Shared(t, "data", "dicom"), filepath.Join(elem...)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	im, err := Open(f)
	if err != nil {
		t.Fatal(err)
	}
	return f, im
}

func BenchmarkCine(b *testing.B) {
	for _, name := range []string{"real/pydicom/test_files/examples_ybr_color.dcm", "synthetic/cine/us_4.50_ybr422.dcm"} {
		_, im := openShared(b, name)
		for _, c := range []struct {
			name    string
			workers int
			decode  func(int) ([]byte, error)
		}{{"rgb", 1, im.RGB}, {"grey", 1, im.Grey8}, {"rgb2", 2, im.RGB}} {
			b.Run(filepath.Base(name)+"/"+c.name, func(b *testing.B) {
				b.SetBytes(int64(im.Frames * im.Rows * im.Columns * 3))
				for b.Loop() {
					if err := im.Each(context.Background(), c.workers, c.decode, func(int, []byte) error { return nil }); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkFrame(b *testing.B) {
	for _, name := range []string{
		"real/cornerstone3D/examplesOld/test-images/CTImage.dcm_JPEGProcess14TransferSyntax_1.2.840.10008.1.2.4.57.dcm",
		"real/cornerstone3D/examplesOld/test-images/CTImage.dcm_JPEGLSLosslessTransferSyntax_1.2.840.10008.1.2.4.80.dcm",
		"real/cornerstone3D/examplesOld/test-images/CTImage.dcm_RLELosslessTransferSyntax_1.2.840.10008.1.2.5.dcm",
	} {
		_, im := openShared(b, name)
		b.Run(string(im.TransferSyntax), func(b *testing.B) {
			b.SetBytes(im.FrameBytes())
			for b.Loop() {
				if _, err := im.Frame(0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
