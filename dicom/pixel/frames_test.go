package pixel

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/fault"
)

func TestEach(t *testing.T) {
	ds := shape{frames: 50, rows: 1, columns: 2, allocated: 8}.dataSet()
	value := make([]byte, 100)
	for i := range value {
		value[i] = byte(i / 2)
	}
	ds.SetBytes(tag.PixelData, vr.OB, value)
	im := makeImage(t, ds, "", nil)
	next := 0
	err := im.Each(context.Background(), 4, im.Frame, func(i int, b []byte) error {
		if i != next || b[0] != byte(i) {
			t.Errorf("frame %d where %d should be", i, next)
		}
		next++
		return nil
	})
	if err != nil || next != 50 {
		t.Errorf("%d frames, %v", next, err)
	}
	stop := errors.New("stop")
	if err := im.Each(context.Background(), 4, im.Frame, func(i int, b []byte) error {
		if i == 7 {
			return stop
		}
		return nil
	}); err != stop {
		t.Errorf("%v", err)
	}
	if err := im.Each(context.Background(), 3, func(i int) ([]byte, error) {
		if i == 9 {
			return nil, stop
		}
		return nil, nil
	}, func(i int, _ []byte) error {
		if i > 8 {
			t.Errorf("frame %d after the error", i)
		}
		return nil
	}); err != stop {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := im.Each(ctx, 2, im.Frame, func(int, []byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// TestVideo decodes one loop in three codecs: all frames, close to the loop without loss.
func TestVideo(t *testing.T) {
	for _, name := range []string{"us_4.100_mpeg2.dcm", "us_4.102_h264.dcm", "us_4.102_h264_ts.dcm", "us_4.107_hevc.dcm"} {
		_, im := openShared(t, "synthetic/cine", name)
		_, ref := openShared(t, "synthetic/cine/us_rgb_1.2.1_4fr.dcm")
		n, sum := 0, 0.0
		err := im.EachVideo(context.Background(), func(i int, b []byte) error {
			if i < ref.Frames {
				want, err := ref.RGB(i)
				if err != nil {
					return err
				}
				for k := range b {
					sum += math.Abs(float64(b[k]) - float64(want[k]))
				}
			}
			n++
			return nil
		})
		if fault.CodeOf(err) == fault.Missing {
			t.Skip("ffmpeg is not installed")
		}
		mean := sum / float64(4*ref.FrameBytes())
		if err != nil || n != im.Frames || mean > 8 {
			t.Errorf("%s: %d of %d frames, mean error %.2f, %v", name, n, im.Frames, mean, err)
		}
		if b, err := im.Frame(3); err != nil || int64(len(b)) != im.FrameBytes() {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
		if _, err := im.Encoded(0); err == nil {
			t.Error("an encoded frame of a video")
		}
	}
}

// FuzzImage opens and decodes whatever a file holds.
func FuzzImage(f *testing.F) {
	for _, ts := range []string{uid.ExplicitVRLittleEndian, uid.ExplicitVRBigEndian} {
		ds := shape{frames: 2, rows: 2, columns: 2, samples: 3, allocated: 8, planar: true, photometric: "RGB"}.dataSet()
		ds.SetBytes(tag.PixelData, vr.OW, make([]byte, 24))
		var b bytes.Buffer
		if err := dicom.Write(&b, ds, dicom.WriteOptions{TransferSyntaxUID: ts}); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
		file, err := dicom.ReadBytes(b.Bytes())
		if err != nil {
			f.Fatal(err)
		}
		for _, to := range encapsulatedTargets() {
			b.Reset()
			if err := Transcode(context.Background(), &b, file, to); err != nil {
				f.Fatal(err)
			}
			f.Add(bytes.Clone(b.Bytes()))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		watchdog := time.AfterFunc(20*time.Second, func() { panic("hangs") })
		defer watchdog.Stop()
		file, err := dicom.ReadBytes(b, dicom.MaxInflated(1<<20), dicom.MaxElements(10_000))
		if err != nil || file.TransferSyntax.IsVideo() {
			return
		}
		im, err := Open(file, MaxFrameBytes(1<<20))
		if err != nil {
			return
		}
		for i := range min(im.Frames, 3) {
			if got, err := im.Frame(i); err == nil && int64(len(got)) != im.FrameBytes() {
				t.Fatalf("frame %d has %d bytes of %d", i, len(got), im.FrameBytes())
			}
			_, _ = im.RGB(i)
			_, _ = im.Render(i)
			_, _ = im.Encoded(i)
		}
		_, _ = im.Overlays()
		im.TimesMS()
		im.Regions()
	})
}
