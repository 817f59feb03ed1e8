package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"math"
	"net/http"
	"path/filepath"
	"strconv"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/annotate/policy"
	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/dicom/vr"
	"github.com/cineloop/cineloop/internal/access"
	"github.com/cineloop/cineloop/web/reading"
)

const (
	reader   = "reader"
	password = "a password for the bench"
	frames   = 60
	sliceN   = 200
)

const rules = `version: 1
revision: 1
title: bench
design: {kind: independent, readers: 1}
items:
  - {name: note, kind: text}
`

// study has two cases, a loop and a stack, by the ids of their assignments.
type study struct {
	project     *annotate.Project
	dir         string
	loop, stack string
}

// render answers with a frame as package pixel renders it: the independent way from the header to what is seen. 1 or 3 bytes a pixel.
func (s *study) render(w http.ResponseWriter, r *http.Request) {
	n, _ := strconv.Atoi(r.PathValue("frame"))
	f, err := dicom.Open(filepath.Join(s.dir, filepath.Base(r.PathValue("file"))))
	if err != nil {
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	}
	defer f.Close()
	im, err := pixel.Open(f)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	picture, err := im.Render(n)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	switch p := picture.(type) {
	case *image.Gray:
		_, _ = w.Write(p.Pix)
	case *image.NRGBA:
		out := make([]byte, 0, len(p.Pix)/4*3)
		for i := 0; i < len(p.Pix); i += 4 {
			out = append(out, p.Pix[i:i+3]...)
		}
		_, _ = w.Write(out)
	}
}

func newStudy(ctx context.Context, dir string) (*study, error) {
	p, err := annotate.Create(ctx, dir, "bench", 1, "eve")
	if err != nil {
		return nil, err
	}
	do := func(kind annotate.Kind, data any) {
		if err == nil {
			var b json.RawMessage
			if data != nil {
				b, _ = json.Marshal(data)
			}
			_, err = p.Do(ctx, "eve", annotate.Op{Kind: kind, Data: b})
		}
	}
	loop, err := writeLoop(dir)
	if err != nil {
		return nil, err
	}
	stack, err := writeStack(dir)
	if err != nil {
		return nil, err
	}
	do(annotate.MemberAdded, map[string]any{"name": reader, "roles": []policy.Role{policy.Reader}})
	err = errors.Join(err, access.SetPassword(filepath.Join(dir, reading.UsersFile), reader, password))
	do(annotate.ProtocolSet, map[string]any{"yaml": rules})
	do(annotate.CaseAdded, map[string]any{"patient": "a", "files": loop})
	do(annotate.CaseAdded, map[string]any{"patient": "b", "files": stack})
	do(annotate.Assigned, nil)
	do(annotate.PhaseSet, map[string]any{"phase": annotate.InReading})
	if err != nil {
		return nil, err
	}
	tasks, err := p.Worklist(reader)
	if err != nil {
		return nil, err
	}
	s := &study{project: p, dir: dir}
	for _, t := range tasks {
		pics, err := p.Pictures(reader, t.Assignment)
		if err != nil {
			return nil, err
		}
		if len(pics) == 1 {
			s.loop = t.Assignment
		} else {
			s.stack = t.Assignment
		}
	}
	return s, nil
}

func header(class, sop, series string, rows, columns, samples, bits int) *dicom.DataSet {
	ds := dicom.NewDataSet()
	for t, v := range map[tag.Tag]string{tag.SOPClassUID: class, tag.SOPInstanceUID: sop, tag.StudyInstanceUID: "2.25.2", tag.SeriesInstanceUID: series} {
		ds.SetString(t, v)
	}
	for t, v := range map[tag.Tag]int{tag.Rows: rows, tag.Columns: columns, tag.SamplesPerPixel: samples, tag.BitsAllocated: bits, tag.BitsStored: bits, tag.HighBit: bits - 1, tag.PixelRepresentation: 0} {
		ds.SetInts(t, v)
	}
	return ds
}

func writeLoop(dir string) ([]string, error) {
	ds := header("1.2.840.10008.5.1.4.1.1.3.1", "2.25.1", "2.25.3", 480, 640, 3, 8)
	ds.SetString(tag.PhotometricInterpretation, "RGB")
	ds.SetInts(tag.PlanarConfiguration, 0)
	ds.SetInts(tag.NumberOfFrames, frames)
	ds.SetFloats(tag.FrameTime, 1000./30)
	pixels := make([]byte, frames*480*640*3)
	for i := range pixels {
		pixels[i] = byte(i * 7 / 3)
	}
	ds.SetBytes(tag.PixelData, vr.OB, pixels)
	return []string{"loop.dcm"}, dicom.WriteFile(filepath.Join(dir, "loop.dcm"), ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRLittleEndian})
}

// writeStack writes a ball in air with noise, in 200 files of 12 bits.
func writeStack(dir string) (names []string, err error) {
	const n = 512
	pixels := make([]byte, 2*n*n)
	for k := range sliceN {
		name := fmt.Sprintf("slice%d.dcm", k)
		ds := header("1.2.840.10008.5.1.4.1.1.2", fmt.Sprintf("2.25.10%d", k), "2.25.4", n, n, 1, 16)
		ds.SetInts(tag.BitsStored, 12)
		ds.SetInts(tag.HighBit, 11)
		ds.SetString(tag.PhotometricInterpretation, "MONOCHROME2")
		ds.SetString(tag.FrameOfReferenceUID, "2.25.5")
		ds.SetInts(tag.InstanceNumber, k+1)
		ds.SetFloats(tag.ImagePositionPatient, -180, -180, float64(k))
		ds.SetFloats(tag.ImageOrientationPatient, 1, 0, 0, 0, 1, 0)
		ds.SetFloats(tag.PixelSpacing, 0.7, 0.7)
		ds.SetFloats(tag.RescaleSlope, 1)
		ds.SetFloats(tag.RescaleIntercept, -1024)
		ds.SetFloats(tag.WindowCenter, 40)
		ds.SetFloats(tag.WindowWidth, 400)
		noise := uint32(k + 1)
		for i := range n * n {
			noise = noise*1664525 + 1013904223
			x, y, z := float64(i%n-n/2), float64(i/n-n/2), 2.5*float64(k-sliceN/2)
			v := 24
			if math.Sqrt(x*x+y*y+z*z) < 220 {
				v = 1024 + int(noise>>24)
			}
			binary.LittleEndian.PutUint16(pixels[2*i:], uint16(v))
		}
		ds.SetBytes(tag.PixelData, vr.OW, pixels)
		if err := dicom.WriteFile(filepath.Join(dir, name), ds, dicom.WriteOptions{TransferSyntaxUID: uid.ExplicitVRLittleEndian}); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, nil
}
