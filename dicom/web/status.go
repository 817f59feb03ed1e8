package web

import (
	"errors"
	"net/http"

	"github.com/cineloop/cineloop/internal/fault"
)

// statusError is an error with an HTTP status that its fault code doesn't imply.
type statusError struct {
	status int
	err    error
}

func (e *statusError) Error() string { return e.err.Error() }
func (e *statusError) Unwrap() error { return e.err }

// statusOf is the HTTP status that err is answered with (PS3.18 table 8.5-1).
func statusOf(err error) int {
	if s, ok := errors.AsType[*statusError](err); ok {
		return s.status
	}
	if tooLarge, ok := errors.AsType[*http.MaxBytesError](err); ok && tooLarge != nil {
		return http.StatusRequestEntityTooLarge
	}
	switch fault.CodeOf(err) {
	case fault.Input:
		return http.StatusBadRequest
	case fault.Missing: // a decoder that is not installed: this server will not be able to
		return http.StatusNotImplemented
	case fault.Resource:
		return http.StatusServiceUnavailable
	}
	return fault.HTTPStatus(err)
}

// codeOf is the fault code of an HTTP status that a server answered with.
func codeOf(status int) fault.Code {
	switch status {
	case http.StatusNotFound, http.StatusGone:
		return fault.NotFound
	case http.StatusConflict:
		return fault.Conflict
	case http.StatusRequestEntityTooLarge, http.StatusInsufficientStorage, http.StatusServiceUnavailable, http.StatusTooManyRequests,
		http.StatusGatewayTimeout, http.StatusBadGateway:
		return fault.Resource
	case http.StatusNotAcceptable, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return fault.Input
	case http.StatusNotImplemented:
		return fault.Missing
	}
	if status >= 400 && status < 500 {
		return fault.Usage
	}
	return fault.Missing
}
