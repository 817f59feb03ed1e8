package main

import (
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
)

// headers reads every header of the corpus, and every element in it.
func headers(root string) error {
	var files []string
	err := filepath.WalkDir(filepath.Join(root, "real"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return err
	}
	ours, err := best(func() error {
		for _, path := range files {
			if f, err := dicom.Open(path, dicom.StopBefore(tag.PixelData)); err == nil {
				f.DataSet.Count()
				f.Close()
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	rate := func(d time.Duration) string { return fmt.Sprintf("%.0f files/s", float64(len(files))/d.Seconds()) }
	bound, err := best(func() error { // what the operating system takes to open them and give their first bytes
		buf := make([]byte, 64<<10)
		for _, path := range files {
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			_, _ = f.ReadAt(buf, 0)
			f.Close()
		}
		return nil
	})
	if err != nil {
		return err
	}
	row("dicom: header scan", rate(ours), "open and read 64 KiB "+rate(bound), ratio(bound, ours), "")
	if p, ok := peer(append([]string{files[0], "0"}, files...)...); ok {
		row("dicom: header scan", rate(ours), "pydicom "+rate(seconds(p.Headers)), ratio(seconds(p.Headers), ours), "5000 files/s")
	} else {
		row("dicom: header scan", rate(ours), "pydicom not found", "", "5000 files/s")
	}
	before := cpu(syscall.RUSAGE_CHILDREN)
	if _, err := exec.LookPath("dcmdump"); err == nil {
		_ = exec.Command("dcmdump", append([]string{"-q", "-M"}, files...)...).Run() // it fails for files that it can't read, and goes on
		d := cpu(syscall.RUSAGE_CHILDREN) - before
		row("dicom: header scan", rate(ours), "dcmdump "+rate(d), ratio(d, ours), "5000 files/s")
	}
	return nil
}

// large opens a 2 GB native cine, a sparse file, and reads one frame in its middle.
func large(string) error {
	dir, err := os.MkdirTemp("", "bench-dicom")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "large.dcm")
	const frames, size = 4096, 512 * 1024
	ds := dicom.NewDataSet()
	ds.SetString(tag.SOPClassUID, uid.UltrasoundMultiFrameImageStorage)
	ds.SetString(tag.SOPInstanceUID, uid.Derive("bench"))
	ds.SetInts(tag.SamplesPerPixel, 1)
	ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
	ds.SetInts(tag.NumberOfFrames, frames)
	ds.SetInts(tag.Rows, 512)
	ds.SetInts(tag.Columns, 1024)
	ds.SetInts(tag.BitsAllocated, 8)
	ds.SetInts(tag.BitsStored, 8)
	ds.SetInts(tag.HighBit, 7)
	ds.SetInts(tag.PixelRepresentation, 0)
	ds.SetBytes(tag.PixelData, vr.OB, make([]byte, 2))
	if err := dicom.WriteFile(path, ds, dicom.WriteOptions{}); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	end, err := f.Seek(-6, io.SeekEnd)
	if err != nil {
		return err
	}
	length := binary.LittleEndian.AppendUint32(nil, frames*size)
	if _, err := f.WriteAt(length, end); err != nil {
		return err
	}
	if err := f.Truncate(end + 4 + frames*size); err != nil {
		return err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	df, err := dicom.Open(path)
	if err != nil {
		return err
	}
	defer df.Close()
	im, err := pixel.Open(df)
	if err != nil {
		return err
	}
	if _, err := im.Frame(frames / 2); err != nil {
		return err
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	row("dicom: open 2 GB cine, one frame", ms(took), "", "", "50 ms")
	row("dicom: memory for that", fmt.Sprintf("%.1f MB", float64(after.TotalAlloc-before.TotalAlloc)/1e6), "", "", "32 MB")
	return nil
}
