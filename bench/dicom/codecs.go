package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// subject is a codec to be timed.
type subject struct {
	what  string
	ts    dicom.TransferSyntax
	dcmtk []string // its tool, which writes a native file
	limit string
}

var subjects = []subject{
	{"JPEG Lossless", uid.JPEGLosslessSV1, []string{"dcmdjpeg", "+cn"}, "100 MB/s"},
	{"JPEG-LS", uid.JPEGLSLossless, []string{"dcmdjpls"}, "60 MB/s"},
	{"RLE", uid.RLELossless, []string{"dcmdrle"}, "300 MB/s"},
	{"JPEG 2000", uid.JPEG2000Lossless, nil, ""},
	{"deflated frames", uid.DeflatedImageFrameCompression, nil, ""},
}

// codecs decodes a CT series of 24 frames (a real slice, shifted from frame to frame) in each lossless codec: ours and the peers' from the
// file to samples, CPU time per core; and ours on two cores, wall time against one.
func codecs(root string) error {
	dir, err := os.MkdirTemp("/dev/shm", "bench-codecs") // no disk in the numbers
	if err != nil {
		if dir, err = os.MkdirTemp("", "bench-codecs"); err != nil {
			return err
		}
	}
	defer os.RemoveAll(dir)
	source, err := makeSeries(root)
	if err != nil {
		return err
	}
	paths := map[dicom.TransferSyntax]string{}
	var all []string
	var size int64
	for _, s := range subjects {
		if pixel.CanEncode(s.ts) != nil {
			row("dicom: decode "+s.what, "not built", "", "", s.limit)
			continue
		}
		path := filepath.Join(dir, string(s.ts)+".dcm")
		w, err := os.Create(path)
		if err != nil {
			return err
		}
		d, err := best(func() error {
			if _, err := w.Seek(0, 0); err != nil {
				return err
			}
			return pixel.Transcode(context.Background(), w, source, s.ts)
		})
		w.Close()
		if err != nil {
			return err
		}
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		im, err := pixel.Open(source)
		if err != nil {
			return err
		}
		size = im.FrameBytes() * int64(im.Frames)
		row("dicom: encode "+s.what, rateOf(size, d), fmt.Sprintf("to %.0f %%", 100*float64(info.Size())/float64(size)), "", "")
		paths[s.ts] = path
		all = append(all, path)
	}
	var peers map[string]map[string]*float64
	out, err := exec.Command("/usr/bin/python3", append([]string{"bench/peers/dicom_codecs.py", "time", strconv.Itoa(rounds)}, all...)...).Output()
	if err != nil || json.Unmarshal(out, &peers) != nil {
		peers = nil
	}
	for _, s := range subjects {
		path := paths[s.ts]
		if path == "" {
			continue
		}
		ours, err := best(func() error { return decodeAll(path) })
		if err != nil {
			return err
		}
		name := "dicom: decode " + s.what
		if len(s.dcmtk) > 0 {
			if d, ok := dcmtk(s.dcmtk, path, filepath.Join(dir, "out.dcm")); ok {
				row(name, rateOf(size, ours), "dcmtk "+rateOf(size, d), ratio(d, ours), s.limit)
			}
		}
		for _, peer := range []string{"gdcm", "pydicom"} {
			if t := peers[peer][path]; t != nil {
				row(name, rateOf(size, ours), peer+" "+rateOf(size, seconds(*t)), ratio(seconds(*t), ours), s.limit)
			} else if peers != nil {
				row(name, rateOf(size, ours), peer+" can't", "", s.limit)
			}
		}
		if peers == nil {
			row(name, rateOf(size, ours), "gdcm, pydicom not found", "", s.limit)
		}
		one, cpuOne := wall(1, path)
		two, cpuTwo := wall(2, path)
		row(name+", two cores", rateOf(size, two), fmt.Sprintf("one core %s, processor time × %.2f", rateOf(size, one), float64(cpuTwo)/float64(cpuOne)),
			fmt.Sprintf("%.2f", float64(one)/float64(two)), "2")
	}
	return nil
}

func rateOf(size int64, d time.Duration) string {
	return fmt.Sprintf("%.0f MB/s", float64(size)/d.Seconds()/1e6)
}

// makeSeries is a multi-frame CT in memory: 24 frames of 512 × 512, 16 bits.
func makeSeries(root string) (*dicom.File, error) {
	f, err := dicom.Open(filepath.Join(root, "real/cornerstone3D/examplesOld/test-images/CTImage.dcm_RLELosslessTransferSyntax_1.2.840.10008.1.2.5.dcm"))
	if err != nil {
		return nil, err
	}
	im, err := pixel.Open(f)
	if err != nil {
		return nil, err
	}
	slice, err := im.Frame(0)
	if err != nil {
		return nil, err
	}
	const frames = 24
	var value []byte
	for i := range frames {
		at := i * 2 * (3*im.Columns + 5) // some rows and columns further
		value = append(append(value, slice[at:]...), slice[:at]...)
	}
	ds, err := f.DataSet.Copy()
	if err != nil {
		return nil, err
	}
	ds.SetInts(tag.NumberOfFrames, frames)
	ds.Delete(tag.PixelData)
	ds.SetBytes(tag.PixelData, vr.OW, value)
	var b writer
	if err := dicom.Write(&b, ds, dicom.WriteOptions{}); err != nil {
		return nil, err
	}
	return dicom.ReadBytes(b)
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

func decodeAll(path string) error {
	f, err := dicom.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	im, err := pixel.Open(f)
	if err != nil {
		return err
	}
	return im.EachFrame(context.Background(), func(int, []byte) error { return nil })
}

// dcmtk is the least CPU time of one of its tools; its start, some milliseconds, is in it.
func dcmtk(tool []string, in, out string) (time.Duration, bool) {
	least := time.Duration(1 << 62)
	for range rounds {
		cmd := exec.Command(tool[0], append(tool[1:], in, out)...)
		if cmd.Run() != nil {
			return 0, false
		}
		least = min(least, cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime())
	}
	return least, true
}

// wall is the least wall time to decode a file on so many cores, and the least processor time: on a machine that others use too, the second says
// better what more cores would bring.
func wall(cores int, path string) (least, leastCPU time.Duration) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(cores))
	least, leastCPU = 1<<62, 1<<62
	for range 2 * rounds {
		t, c := time.Now(), cpu(syscall.RUSAGE_SELF)
		if decodeAll(path) != nil {
			return 1, 1
		}
		least = min(least, time.Since(t))
		leastCPU = min(leastCPU, cpu(syscall.RUSAGE_SELF)-c)
	}
	return least, leastCPU
}
