package reading

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"

	"github.com/cineloop/cineloop/annotate"
	"github.com/cineloop/cineloop/internal/fault"
)

// contentPolicy lets a page use what this server sends and nothing else.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

var (
	errNobody = fault.New(fault.Usage, "log in first")
	errLogin  = fault.New(fault.Usage, "the name or the password is wrong")
	errOften  = fault.New(fault.Resource, "too many attempts: wait a minute")
	errBody   = fault.New(fault.Usage, "the body is no JSON of the form that is asked for, or too long")
)

// refusal is what a browser is told of an error.
type refusal struct {
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// refuse turns an error into what may be told. Of defects and of a disk that is full it says no more than that: their texts can hold paths.
func refuse(err error) refusal {
	code := fault.CodeOf(err)
	out := refusal{fault.HTTPStatus(err), string(code), err.Error()}
	var long *http.MaxBytesError
	switch {
	case errors.As(err, &long):
		return refusal{http.StatusRequestEntityTooLarge, string(fault.Usage), errBody.Error()}
	case errors.Is(err, annotate.ErrUnknown):
		out.Status = http.StatusNotFound
	case errors.Is(err, annotate.ErrDenied):
		out.Status = http.StatusForbidden
	case errors.Is(err, errStepUp), errors.Is(err, errStepUpWrong):
		out.Status, out.Code = http.StatusForbidden, codeStepUp
	case errors.Is(err, errNobody), errors.Is(err, errLogin):
		out.Status = http.StatusUnauthorized
	case errors.Is(err, errOften):
		out.Status = http.StatusTooManyRequests
	case code == fault.Internal:
		out.Message = "a defect of the server"
	case code == fault.Resource:
		out.Message = "the server has no room left"
	}
	return out
}

func fail(w http.ResponseWriter, err error) {
	v := refuse(err)
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Del("ETag")
	if v.Status == http.StatusTooManyRequests {
		h.Set("Retry-After", "60")
	}
	h.Set("Content-Type", "application/json")
	w.WriteHeader(v.Status)
	_ = json.NewEncoder(w).Encode(v) // the browser went away
}

func tell(w http.ResponseWriter, v any, err error) error {
	if err != nil {
		return err
	}
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(b) // the browser went away
	return nil
}

// read takes a JSON body strictly.
func read(r *http.Request, v any) error {
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return fault.New(fault.Usage, "the body is application/json")
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		if long := (*http.MaxBytesError)(nil); errors.As(err, &long) {
			return err
		}
		return errBody
	}
	if _, err := dec.Token(); err != io.EOF {
		return errBody
	}
	return nil
}
