package bucket

import (
	"errors"
	"fmt"
	"net"
	"net/url"

	"gocloud.dev/gcerrors"

	"github.com/cineloop/cineloop/internal/fault"
)

// Fault gives a cloud's error a code, without the object's name, which may be a patient's: what concerns one object is its own fault,
// anything else that of the whole bucket.
func Fault(err error, what string) error {
	switch gcerrors.Code(err) {
	case gcerrors.NotFound:
		return fault.New(fault.NotFound, "%s: it is not there", what)
	case gcerrors.PermissionDenied:
		return fault.New(fault.Input, "%s: not allowed with these credentials", what)
	case gcerrors.Canceled, gcerrors.DeadlineExceeded:
		return err
	}
	return fault.New(fault.Missing, "%s: %w", what, Bare(err)).WithHint("repeat the command: it goes on where it was")
}

// Bare leaves out of a cloud's error the object's name and the URL, which may name a patient.
func Bare(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op
	}
	return fmt.Errorf("the cloud answers %v", gcerrors.Code(err))
}
