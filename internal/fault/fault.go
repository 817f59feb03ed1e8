// Package fault gives every error that a user can meet a code, and every code one exit status and one HTTP status.
//
// An error carries where it happened (by wrapping), what kind it is (its [Code]) and what to do about it (its hint). It never
// carries patient data: values that may hold some travel as [Redacted], whose String method hides them.
package fault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// Code is a kind of failure that a user can tell from others and act on.
type Code string

// The codes. Their exit statuses are part of each command's help.
const (
	Internal    Code = "internal"    // a defect of the program
	Usage       Code = "usage"       // wrong flags, an unknown key in a recipe
	Input       Code = "input"       // unreadable, malformed or unsuitable data
	Missing     Code = "missing"     // a needed engine or tool is not installed
	Partial     Code = "partial"     // finished, but some items were quarantined
	NotFound    Code = "notfound"    // a named file, run or object is not there
	Conflict    Code = "conflict"    // exists already with other content
	Resource    Code = "resource"    // out of disk, memory or time
	Interrupted Code = "interrupted" // cancelled by the user; can be resumed
)

var statuses = map[Code]struct{ exit, http int }{
	Internal:    {1, http.StatusInternalServerError},
	Usage:       {2, http.StatusBadRequest},
	Input:       {3, http.StatusUnprocessableEntity},
	Missing:     {4, http.StatusServiceUnavailable},
	Partial:     {5, http.StatusMultiStatus},
	NotFound:    {6, http.StatusNotFound},
	Conflict:    {7, http.StatusConflict},
	Resource:    {8, http.StatusInsufficientStorage},
	Interrupted: {130, 499},
}

// Error is an error with a code and, where one is known, a hint that says what to do.
type Error struct {
	Code Code
	Hint string
	Err  error
}

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Err.Error()
	}
	return e.Err.Error() + " (" + e.Hint + ")"
}

func (e *Error) Unwrap() error { return e.Err }

// New returns an error of kind code; format and args as in fmt.Errorf, so that %w wraps.
func New(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// WithHint returns e with what the user can do about it.
func (e *Error) WithHint(format string, args ...any) *Error {
	return &Error{Code: e.Code, Hint: fmt.Sprintf(format, args...), Err: e.Err}
}

// CodeOf is the code of the outermost [Error] in err's chain; cancelled contexts are Interrupted and anything else Internal.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	if errors.Is(err, context.Canceled) {
		return Interrupted
	}
	return Internal
}

// ExitStatus is the process exit status for err; 0 for nil.
func ExitStatus(err error) int {
	if err == nil {
		return 0
	}
	return statuses[CodeOf(err)].exit
}

// HTTPStatus is the HTTP status for err; 200 for nil.
func HTTPStatus(err error) int {
	if err == nil {
		return http.StatusOK
	}
	return statuses[CodeOf(err)].http
}

// Redacted is a value that may identify a patient. It prints as "[redacted]" under every verb; Reveal gives the value itself.
type Redacted struct{ value string }

// Redact wraps a value that may identify a patient.
func Redact(value string) Redacted { return Redacted{value} }

// Reveal returns the value. Callers must not print, log or put it in a path or URL.
func (r Redacted) Reveal() string { return r.value }

func (r Redacted) String() string               { return "[redacted]" }
func (r Redacted) GoString() string             { return "[redacted]" }
func (r Redacted) Format(s fmt.State, _ rune)   { fmt.Fprint(s, "[redacted]") }
func (r Redacted) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }
