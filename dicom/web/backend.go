package web

import (
	"context"
	"io"
	"iter"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/internal/fault"
)

// Backend is what a Server serves. Its methods are called from many goroutines; a resource that is not there is an error with code
// fault.NotFound.
type Backend interface {
	// Search answers a query with at most q.Limit records (0: all), each with every attribute that the backend knows for its level and
	// those above, and those of q.Include that it can find elsewhere. A condition on an attribute that it can't search by is an error
	// with code fault.Usage: an answer that ignores it would name the wrong patients.
	Search(ctx context.Context, q Query) (Page, error)
	// List gives the instances of a study, a series, or one instance, in the order of series and instance number.
	List(ctx context.Context, r Resource) iter.Seq2[Instance, error]
	// Open opens an instance's file.
	Open(ctx context.Context, in Instance) (Content, error)
	// Store keeps the file that r gives until io.EOF, durably, before it returns. UIDs are filled in as far as they are known, also
	// with an error, whose code says what the sender is told: fault.Input (not understood), fault.Resource (full), else a defect.
	Store(ctx context.Context, r io.Reader, how Storing) (Stored, error)
}

// Page is the answer to a query.
type Page struct {
	Records []*dicom.DataSet // the server changes them
	More    int              // how many further records there are
}

// Instance is one instance of a backend.
type Instance struct {
	Resource
	SOPClassUID string
	Syntax      dicom.TransferSyntax
	Size        int64  // bytes of the file
	Tag         string // changes whenever the file does
	Key         any    // the backend's own
}

// Content is an open file.
type Content interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Storing says how to store.
type Storing struct {
	Study string // refuse instances of other studies with ErrOtherStudy; "" takes any
	From  string // who sends it
}

// Stored is what became of an instance.
type Stored struct {
	Resource
	SOPClassUID string
	Conflict    bool // kept beside other content under the same SOP Instance UID, which still stands
}

// ErrOtherStudy refuses an instance that is not of the study that the URL names.
var ErrOtherStudy = fault.New(fault.Conflict, "the instance is of another study than the URL names")
