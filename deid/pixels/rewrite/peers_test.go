package rewrite

import (
	"bytes"
	"image"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/cineloop/cineloop/deid/pixels/jpegblocks"
	"github.com/cineloop/cineloop/deid/pixels/mask"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/internal/testdata"
)

// TestPeersDecodeTheSame lets dcmtk and gdcm decode JPEG clips before and after blanking, without colour conversion: outside of the blocks that
// went, and of the pixels beside them, each finds the samples that it found before.
func TestPeersDecodeTheSame(t *testing.T) {
	tools := map[string]func(in, out string) *exec.Cmd{
		"dcmdjpeg": func(in, out string) *exec.Cmd { return exec.Command("dcmdjpeg", "+cn", in, out) },
		"gdcmconv": func(in, out string) *exec.Cmd { return exec.Command("gdcmconv", "--raw", in, out) },
	}
	ran := 0
	for _, name := range []string{"imaging/echo_dicom/I_000007.dcm", "dicom/real/grailbio-go-dicom/examples/I_000003.dcm"} {
		f, err := dicom.Open(testdata.Shared(t, filepath.Join("data", filepath.FromSlash(name))))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		im, err := pixel.Open(f)
		if err != nil {
			t.Fatal(err)
		}
		m := mask.New(im.Columns, im.Rows)
		m.Fill(image.Rect(20, 30, 150, 60), mask.Hard)
		m.Fill(image.Rect(im.Columns-70, 0, im.Columns, im.Rows), mask.Soft)
		w, err := New(im, m.Seal())
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		before, after := filepath.Join(dir, "before.dcm"), filepath.Join(dir, "after.dcm")
		if err := f.Save(before); err != nil {
			t.Fatal(err)
		}
		if err := file(t, f, w, im.Frames).Save(after); err != nil {
			t.Fatal(err)
		}
		src, err := im.Encoded(0)
		if err != nil {
			t.Fatal(err)
		}
		reach, err := jpegblocks.Reach(src, m)
		if err != nil {
			t.Fatal(err)
		}
		for tool, command := range tools {
			if _, err := exec.LookPath(tool); err != nil {
				t.Logf("%s is not installed", tool)
				continue
			}
			a, b := decodedBy(t, command, before), decodedBy(t, command, after)
			ran++
			for i := range im.Frames {
				x, err := a.Frame(i)
				if err != nil {
					t.Fatal(err)
				}
				y, err := b.Frame(i)
				if err != nil {
					t.Fatal(err)
				}
				n := a.Samples
				for k := range reach.Pix {
					if reach.Pix[k] == mask.Keep && !bytes.Equal(x[n*k:n*k+n], y[n*k:n*k+n]) {
						t.Fatalf("%s, %s, frame %d: pixel %d,%d was %v and is %v", name, tool, i, k%m.W, k/m.W, x[n*k:n*k+n], y[n*k:n*k+n])
					}
					if m.Pix[k] == mask.Hard && y[n*k] > 2 {
						t.Fatalf("%s, %s, frame %d: masked pixel %d,%d is %v", name, tool, i, k%m.W, k/m.W, y[n*k:n*k+n])
					}
				}
			}
		}
	}
	if ran == 0 {
		t.Skip("neither dcmtk nor gdcm is installed")
	}
}

func decodedBy(t *testing.T, command func(in, out string) *exec.Cmd, path string) *pixel.Image {
	t.Helper()
	out := path + ".raw"
	if msg, err := command(path, out).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	f, err := dicom.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	im, err := pixel.Open(f)
	if err != nil {
		t.Fatal(err)
	}
	return im
}
