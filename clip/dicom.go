package clip

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/pixel"
	"github.com/cineloop/cineloop/dicom/tag"
	"github.com/cineloop/cineloop/internal/fault"
)

// openDICOM reads the frames of one file. A multi-frame file whose frames have places in the patient (enhanced CT and MR) is put in
// the order of its geometry; `#[phase]` chooses one moment when it has several images at each place.
func openDICOM(file string, frag fragment, cfg *readConfig) (*Clip, error) {
	if frag.member != "" {
		return nil, inputf("a DICOM file has no part %q", frag.member).WithHint("use FILE#[phase], or FOLDER#SERIES-UID")
	}
	d, err := openInstance(file, cfg)
	if err != nil {
		return nil, err
	}
	defer d.file.Close()
	if err := d.checkFrames(cfg); err != nil {
		return nil, err
	}
	places := framePlaces(d.ds, d.im.Frames)
	order, geo, err := arrange(places, frag.index)
	if fault.CodeOf(err) == fault.Input && frag.index < 0 { // places that make no stack, such as a segmentation's: frames as they are stored
		geo.notes = append(geo.notes, "frames are in stored order: "+err.(*fault.Error).Err.Error())
		order, err = make([]int, d.im.Frames), nil
		for i := range order {
			order[i] = i
		}
	}
	if err != nil {
		return nil, err
	}
	c, err := d.decode(order, cfg)
	if err != nil {
		return nil, err
	}
	if len(order) == d.im.Frames {
		c.TimesMS = d.im.TimesMS()
	}
	geo.apply(c)
	if c.Spacing.Row == 0 {
		c.Spacing.Row, c.Spacing.Column = d.pixelSpacing(c)
	}
	if c.Spacing.Slice > 0 && c.T > 1 {
		c.TimesMS = nil // the frames are places, not moments
	}
	if c.Source.Digest, err = cfg.digest(file); err != nil {
		return nil, err
	}
	return c, nil
}

// instance is an open file with its pixel data.
type instance struct {
	file *dicom.File
	ds   *dicom.DataSet
	im   *pixel.Image
}

// checkFrames holds the number of frames, which a header may claim freely, against the limit and the file's size: a video's frame may be
// small, but not less than a bit.
func (d *instance) checkFrames(cfg *readConfig) error {
	dt, ch, err := d.stored()
	if err != nil {
		return err
	}
	if int64(d.im.Frames) > 8*d.file.Size() {
		return inputf("DICOM: %d frames in a file of %d bytes", d.im.Frames, d.file.Size()).WithHint(dicomHint)
	}
	return cfg.checkSize(dt, d.im.Frames, d.im.Rows, d.im.Columns, ch)
}

const dicomHint = "try other DICOM software: if it shows the images, convert them to an uncompressed or JPEG transfer syntax, else fetch them again"

func openInstance(file string, cfg *readConfig) (*instance, error) {
	f, err := dicom.Open(file)
	if err != nil {
		return nil, dicomError(err)
	}
	im, err := pixel.Open(f, pixel.MaxFrameBytes(cfg.maxBytes))
	if err != nil {
		f.Close()
		if fault.CodeOf(err) == fault.NotFound {
			return nil, inputf("DICOM: the file has no pixel data").WithHint("it may be a report or another object without images")
		}
		return nil, dicomError(err)
	}
	return &instance{file: f, ds: f.DataSet, im: im}, nil
}

func dicomError(err error) error {
	code := fault.CodeOf(err)
	switch code {
	case fault.Internal:
		code = fault.Input
	case fault.Missing, fault.Resource, fault.Interrupted:
		return err
	}
	return fault.New(code, "DICOM: %w", err).WithHint(dicomHint)
}

// stored is how the image's samples are kept in a clip, before any rescaling.
func (d *instance) stored() (dt DType, channels int, err error) {
	im := d.im
	switch {
	case im.TransferSyntax.IsVideo(), im.IsColor():
		return Uint8, 3, nil
	case im.Float && im.BitsAllocated == 64:
		return Float64, 1, nil
	case im.Float:
		return Float32, 1, nil
	case im.BitsStored > 32:
		return 0, 0, inputf("DICOM: integer samples of %d bits", im.BitsStored)
	case im.Signed && im.BitsStored <= 8:
		return Int8, 1, nil
	case im.Signed && im.BitsStored <= 16:
		return Int16, 1, nil
	case im.BitsStored <= 8:
		return Uint8, 1, nil
	case im.BitsStored <= 16:
		return Uint16, 1, nil
	case im.BitsStored == 32 && !im.Signed:
		return Float64, 1, nil
	}
	return Int32, 1, nil
}

// decode gives the frames in the given order, converted to their meaning: colour to RGB (one channel when there is no colour),
// modality values by the rescale of each frame.
func (d *instance) decode(order []int, cfg *readConfig) (*Clip, error) {
	dt, ch, err := d.stored()
	if err != nil {
		return nil, err
	}
	im := d.im
	if err := cfg.checkSize(dt, len(order), im.Rows, im.Columns, ch); err != nil {
		return nil, err
	}
	grey := cfg.grey && ch == 3 && !im.TransferSyntax.IsVideo()
	if grey {
		ch = 1
	}
	c := New(dt, len(order), im.Rows, im.Columns, ch)
	if im.TransferSyntax.IsVideo() {
		c, err = d.decodeVideo(c, order, cfg)
	} else {
		err = d.decodeFrames(c, order, grey, cfg)
	}
	if err != nil {
		return nil, dicomError(err)
	}
	d.fillSource(&c.Source)
	switch {
	case ch == 3:
		c.Photometric = RGB
		c = nearlyGrey(c)
	case grey:
	case im.Photometric == "MONOCHROME1":
		c.Photometric = Inverse
	}
	if ch == 1 && !grey {
		c = d.rescale(c, order)
	}
	if d.ds.String(tag.Modality) == "SEG" {
		c.Photometric = Mask
	}
	return c, nil
}

func (d *instance) decodeFrames(c *Clip, order []int, grey bool, cfg *readConfig) error {
	one := func(k int) error {
		if err := cfg.ctx.Err(); err != nil {
			return err
		}
		get := d.im.Frame
		switch {
		case grey:
			get = func(i int) ([]byte, error) { return d.im.Grey8Into(i, c.Frame(k)) }
		case c.C == 3:
			get = d.im.RGB
		}
		b, err := get(order[k])
		if err != nil {
			return err
		}
		if want := c.FrameBytes(); (grey || c.C == 3) && len(b) != want {
			return inputf("frame %d has %d bytes, not %d", order[k], len(b), want)
		}
		if grey || c.C == 3 {
			if dst := c.Frame(k); &b[0] != &dst[0] {
				copy(dst, b)
			}
			return nil
		}
		return d.unpack(&Clip{T: 1, H: c.H, W: c.W, C: 1, DType: c.DType, Data: c.Frame(k)}, b)
	}
	var g errgroup.Group
	g.SetLimit(cfg.workers)
	for k := range order {
		g.Go(func() error { return one(k) })
	}
	return g.Wait()
}

func (d *instance) decodeVideo(c *Clip, order []int, cfg *readConfig) (*Clip, error) {
	at := map[int]int{}
	for k, f := range order {
		at[f] = k
	}
	seen := 0
	enough := errors.New("all frames that are wanted")
	err := d.im.EachVideo(cfg.ctx, func(i int, b []byte) error {
		if k, ok := at[i]; ok {
			if len(b) != c.FrameBytes() {
				return inputf("frame %d has %d bytes, not %d", i, len(b), c.FrameBytes())
			}
			copy(c.Frame(k), b)
			if seen++; seen == len(at) {
				return enough
			}
		}
		return nil
	})
	if errors.Is(err, enough) {
		return c, nil
	}
	if err == nil && seen < len(order) {
		err = inputf("the video stream has %d of %d frames", seen, len(order))
	}
	return c, err
}

// functionalGroup is the item of a functional group of frame f, its own or the shared one; nil when absent (PS3.3 C.7.6.16).
func functionalGroup(ds *dicom.DataSet, f int, t tag.Tag) *dicom.DataSet {
	if per := ds.Sequence(tag.PerFrameFunctionalGroupsSequence); f < len(per) {
		if s := per[f].Sequence(t); len(s) > 0 {
			return s[0]
		}
	}
	if shared := ds.Sequence(tag.SharedFunctionalGroupsSequence); len(shared) > 0 {
		if s := shared[0].Sequence(t); len(s) > 0 {
			return s[0]
		}
	}
	return nil
}

// pixelSpacing is the row and column spacing in mm: of the patient, of an ultrasound image's largest two-dimensional region, or at
// the detector, in that order; 0 when none is known.
func (d *instance) pixelSpacing(c *Clip) (row, column float64) {
	if v := d.ds.Floats(tag.PixelSpacing); positivePair(v) {
		return v[0], v[1]
	}
	best := 0
	for _, r := range d.im.Regions() {
		x, y, ok := r.SpacingMM()
		area := (r.MaxX - r.MinX) * (r.MaxY - r.MinY)
		if ok && (r.SpatialFormat == 1 || r.SpatialFormat == 0) && area > best {
			best = area
			row, column = y, x
		}
	}
	if best > 0 {
		return row, column
	}
	for _, t := range []tag.Tag{tag.NominalScannedPixelSpacing, tag.ImagerPixelSpacing} {
		if v := d.ds.Floats(t); positivePair(v) {
			c.Source.Notes = append(c.Source.Notes, "the spacing is that at the detector, not in the patient")
			return v[0], v[1]
		}
	}
	return 0, 0
}

func positivePair(v []float64) bool {
	return len(v) == 2 && v[0] > 0 && v[1] > 0 && !math.IsInf(v[0], 0) && !math.IsInf(v[1], 0)
}

// sourceTags are the attributes kept as provenance: facts of the scan, none of the patient.
var sourceTags = []tag.Tag{tag.Modality, tag.Manufacturer, tag.ManufacturerModelName, tag.StageName, tag.StageNumber, tag.ViewName, tag.ViewNumber, tag.HeartRate,
	tag.BodyPartExamined, tag.ImageLaterality, tag.SliceThickness, tag.KVP, tag.ConvolutionKernel, tag.MagneticFieldStrength, tag.EchoTime, tag.RepetitionTime,
	tag.SeriesNumber, tag.InstanceNumber, tag.WindowCenter, tag.WindowWidth, tag.BurnedInAnnotation, tag.NumberOfStages, tag.NumberOfViewsInStage}

func (d *instance) fillSource(s *Source) {
	text := func(t tag.Tag) string { return strings.TrimSpace(strings.Join(d.ds.Strings(t), `\`)) }
	s.Format = formatDICOM
	s.SOPClass, s.Study, s.Series = text(tag.SOPClassUID), text(tag.StudyInstanceUID), text(tag.SeriesInstanceUID)
	if u := text(tag.SOPInstanceUID); u != "" {
		s.Instances = []string{u}
	}
	s.Tags = map[string]string{"TransferSyntax": string(d.im.TransferSyntax)}
	for _, t := range sourceTags {
		if v := text(t); v != "" {
			s.Tags[t.Keyword()] = v
		}
	}
	if !d.im.IsColor() && !d.im.Float {
		s.Tags["BitsStored"] = strconv.Itoa(d.im.BitsStored)
	}
	for i, r := range d.im.Regions() {
		s.Tags[fmt.Sprintf("Region%d", i)] = fmt.Sprintf("%d,%d,%d,%d", r.MinX, r.MinY, r.MaxX, r.MaxY)
	}
	for _, w := range d.file.Warnings {
		s.Notes = append(s.Notes, w.String())
	}
	if d.file.Incomplete != nil {
		s.Notes = append(s.Notes, "the file ends early")
	}
	s.Notes = append(s.Notes, d.im.Warnings...)
	s.Notes = slices.Compact(s.Notes)
}
