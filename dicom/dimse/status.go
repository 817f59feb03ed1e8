package dimse

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// Status answers an operation (PS3.7 annex C, PS3.4 sections B.2.3, C.4.1.1.4, C.4.2.1.5, C.4.3.1.4, J.3).
type Status uint16

// The statuses that this package gives.
const (
	Success             Status = 0x0000
	ProcessingFailure   Status = 0x0110
	NoSuchInstance      Status = 0x0112
	NoSuchEvent         Status = 0x0113
	InvalidArgument     Status = 0x0115
	NoSuchClass         Status = 0x0118
	ClassInstance       Status = 0x0119 // class and instance are in conflict
	NoSuchAction        Status = 0x0123
	NotAuthorized       Status = 0x0124
	UnrecognizedOp      Status = 0x0211
	ResourceLimit       Status = 0x0213
	OutOfResources      Status = 0xA700
	CantCountMatches    Status = 0xA701
	CantSuboperate      Status = 0xA702
	UnknownDestination  Status = 0xA801
	IdentifierMismatch  Status = 0xA900 // the data set or identifier does not match the SOP class
	SubOperationsFailed Status = 0xB000 // some of them
	CannotUnderstand    Status = 0xC000
	Cancel              Status = 0xFE00
	PendingMatch        Status = 0xFF00
	PendingWithout      Status = 0xFF01 // some optional keys were not supported
)

// Class is a kind of status.
type Class byte

// The kinds.
const (
	Successful Class = iota
	Pending
	Cancelled
	Warning
	Failure
)

// Class is the kind of status that s is (PS3.7 annex C).
func (s Status) Class() Class {
	switch {
	case s == Success:
		return Successful
	case s == PendingMatch || s == PendingWithout:
		return Pending
	case s == Cancel:
		return Cancelled
	case s == 0x0001, s>>12 == 0xB, s == 0x0107, s == 0x0116:
		return Warning
	}
	return Failure
}

// Stored reports whether an object with this answer is in the peer's keeping: success and warnings.
func (s Status) Stored() bool { return s.Class() == Successful || s.Class() == Warning }

func (s Status) String() string {
	names := map[Status]string{Success: "success", ProcessingFailure: "processing failure", NoSuchInstance: "no such SOP instance",
		InvalidArgument: "invalid argument value", NoSuchClass: "no such SOP class", ClassInstance: "class-instance conflict",
		NoSuchAction: "no such action type", NoSuchEvent: "no such event type", NotAuthorized: "not authorized", UnrecognizedOp: "unrecognized operation",
		ResourceLimit: "resource limitation", OutOfResources: "out of resources", CantCountMatches: "out of resources: unable to calculate matches",
		CantSuboperate: "out of resources: unable to perform sub-operations", UnknownDestination: "move destination unknown",
		IdentifierMismatch: "data set or identifier does not match SOP class", SubOperationsFailed: "warning", CannotUnderstand: "cannot understand",
		Cancel: "cancelled", PendingMatch: "pending", PendingWithout: "pending, some optional keys are not supported"}
	if n, ok := names[s]; ok {
		return n
	}
	switch {
	case s>>12 == 0xC:
		return "cannot understand or unable to process"
	case s>>8 == 0xA7:
		return "out of resources"
	case s>>8 == 0xA9:
		return "data set or identifier does not match SOP class"
	case s.Class() == Warning:
		return "warning"
	}
	return fmt.Sprintf("status %04X", uint16(s))
}

// StatusError is a status as an error: what a peer answered, or what a handler wants answered.
type StatusError struct {
	Status  Status
	Comment string // Error Comment, printable ASCII; never patient data
	Field   Field  // of the operation that failed
}

func (e *StatusError) Error() string {
	s := e.Status.String()
	if e.Field != 0 {
		s = strings.TrimSuffix((e.Field&^response).String(), "-RQ") + ": " + s
	}
	s += fmt.Sprintf(" (%04XH)", uint16(e.Status))
	if e.Comment != "" {
		s += ": " + e.Comment
	}
	return s
}

// Unwrap gives the status a code of the house.
func (e *StatusError) Unwrap() error {
	code := fault.Input
	switch {
	case e.Status == Cancel:
		code = fault.Interrupted
	case e.Status == NoSuchInstance:
		code = fault.NotFound
	case e.Status>>8 == 0xA7, e.Status == ResourceLimit:
		code = fault.Resource
	case e.Status == SubOperationsFailed:
		code = fault.Partial
	}
	return &fault.Error{Code: code, Err: errStatus}
}

var errStatus = errors.New("the peer's status")

// statusOf is the answer to an operation whose handler returned err. The words of other errors than StatusError stay here.
func statusOf(ctx context.Context, err error) (Status, string) {
	if err == nil {
		return Success, ""
	}
	if se, ok := errors.AsType[*StatusError](err); ok {
		return se.Status, se.Comment
	}
	if ctx.Err() != nil {
		return Cancel, ""
	}
	switch fault.CodeOf(err) {
	case fault.Resource:
		return OutOfResources, ""
	case fault.Input:
		return CannotUnderstand, ""
	case fault.NotFound:
		return NoSuchInstance, ""
	}
	return ProcessingFailure, ""
}
