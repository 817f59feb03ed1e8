package deid

import (
	"context"

	"github.com/cineloop/cineloop/dicom"
)

// Masker judges the pixels of one object and, where it can, takes out what identifies a patient in them. It sees the object as it came; its
// answer is written with the new header. A Masker is used from several goroutines at once, and the same input and policy give the same answer.
//
// An error is for what the next object would meet as well (a tool is missing, the context is done) and ends the run; what is wrong with this
// object is a [Verdict] of Quarantine with the reason.
type Masker interface {
	Mask(ctx context.Context, in MaskInput) (Masked, error)
}

// MaskInput is what a Masker may know.
type MaskInput struct {
	File   *dicom.File // the object as it came, open; its header is not to be changed
	Pixels PixelPolicy // what the policy says about pixels
	Tokens []string    // the patient's own words as a device may print them: names in all orders, ids, dates in several forms; longest first
}

// Verdict is what becomes of an object's pixels.
type Verdict int

// The verdicts. The zero value is the one that lets nothing out.
const (
	Quarantine Verdict = iota // unsure, or text that can't be taken out: the object is held back with the reason
	Untouched                 // nothing to take out: the pixel data go on byte for byte, comments in the bit streams apart
	Blanked                   // Frames has the new pixels
)

// Masked is a Masker's answer.
type Masked struct {
	Verdict Verdict
	Reason  string       // why in quarantine, in words for the manifest: never what the text says
	Regions []MaskRegion // what was blanked, for the manifest and the review
	New     *NewPixels   // with Blanked

	// Examined is how many frames were decoded and searched; 0 where the header alone decided. Burned In Annotation (0028,0301) becomes NO,
	// and Clean Pixel Data (113101) is claimed, only where Examined > 0 or Rule names the rule by which this kind of object carries no text.
	Examined int
	Rule     string // device rule or header rule that decided, if one did
}

// MaskRegion is a rectangle that was blanked, in pixels of the image, X1 and Y1 not included.
type MaskRegion struct {
	X0, Y0, X1, Y1 int
	First, Last    int    // frames, both included, from 0; Last -1 is the last frame of the object
	Why            string // the rule or detector: "outside the sector", "static", "detector", "device GE Vivid E95"
}

// NewPixels are the pixels of an object that was changed. Frames are asked for once each and in order, so that one is in memory at a time.
type NewPixels struct {
	// TransferSyntax of the frames: the object's own for changes in place, or a lossless one.
	TransferSyntax dicom.TransferSyntax
	Frames         int
	// Frame is frame i: stored bytes where the syntax is native (in little endian, or in big endian for that syntax; all samples as Photometric Interpretation and
	// Planar Configuration say), else its bit stream. Comments and application segments are taken out of it afterwards.
	Frame func(ctx context.Context, i int) ([]byte, error)
	// Header has the attributes of the image pixel module that differ now (Photometric Interpretation, Planar Configuration, Bits Stored …);
	// nil if none does. They replace those of the output.
	Header *dicom.DataSet
}

// PixelPolicy is the pixel section of a policy.
type PixelPolicy struct {
	// Clean examines images that may carry text and blanks what is found (Clean Pixel Data, 113101). Without it no pixel changes.
	Clean bool `yaml:"clean"`
	// Unsure is what becomes of images that may carry text and can't be examined: quarantine, or pass, which is a person's decision to answer for.
	Unsure string `yaml:"unsure"`
	// Outside blanks what is outside the scanning sector of ultrasound.
	Outside bool `yaml:"blank_outside_sector"`
	// Measurements keeps writing that tesseract reads as a measurement and nothing else: depth, frame rate, mechanical and thermal index, heart rate, gain. It has to be installed; another version
	// of it may read otherwise, so that the same bytes are promised only with the same one.
	Measurements bool `yaml:"keep_measurements,omitempty"`
	// Devices are rules for known devices, tried in order before any detector.
	Devices []DeviceRule `yaml:"devices,omitempty"`
}

// DeviceRule says what to do with the images of one kind of device. Empty fields match everything; texts match whole values, ignoring case, and
// may end in *.
type DeviceRule struct {
	Name         string  `yaml:"name,omitempty"`
	Manufacturer string  `yaml:"manufacturer,omitempty"`
	Model        string  `yaml:"model,omitempty"`
	Software     string  `yaml:"software,omitempty"`
	Station      string  `yaml:"station,omitempty"`
	Modality     string  `yaml:"modality,omitempty"`
	SOPClass     string  `yaml:"sop_class,omitempty"`
	ImageType    string  `yaml:"image_type,omitempty"` // values joined by backslashes, as in (0008,0008)
	Rows         int     `yaml:"rows,omitempty"`
	Columns      int     `yaml:"columns,omitempty"`
	Action       string  `yaml:"action"`               // mask, pass or quarantine
	Rectangles   [][]int `yaml:"rectangles,omitempty"` // four numbers each: x0, y0, x1, y1; with mask
	Keep         [][]int `yaml:"keep,omitempty"`       // with mask: rectangles outside of the sector that stay, such as depth scales, but for writing found in them
	Only         bool    `yaml:"only,omitempty"`       // with mask: the rectangles are all there is, no detector runs
}
