package web

import (
	"mime"
	"slices"
	"strconv"
	"strings"

	"github.com/cineloop/cineloop/dicom"
	"github.com/cineloop/cineloop/dicom/uid"
	"github.com/cineloop/cineloop/internal/fault"
)

// Media types of DICOMweb (PS3.18 sections 8.7.3 to 8.7.5).
const (
	typeDICOM   = "application/dicom"
	typeJSON    = "application/dicom+json"
	typeBytes   = "application/octet-stream"
	typeRelated = "multipart/related"
)

// mediaType is one element of an Accept header. A multipart type names in its type parameter what its parts are.
type mediaType struct {
	Type   string // lower case, without parameters: of the parts where Related is set
	Syntax string // transfer-syntax: a UID, "*" or ""
	// Related says that the answer is multipart/related.
	Related bool
	Q       float64
}

const maxAccepts = 64

// parseAccept reads an Accept header (RFC 9110 section 12.5.1). Elements come in the order of preference: by q, then as they stand.
// Elements that can't be read are passed over; an empty header accepts everything.
func parseAccept(header string) []mediaType {
	var out []mediaType
	for _, part := range splitQuoted(header, ',') {
		if m, ok := parseMediaType(part); ok && m.Q > 0 {
			if out = append(out, m); len(out) == maxAccepts {
				break
			}
		}
	}
	slices.SortStableFunc(out, func(a, b mediaType) int {
		switch {
		case a.Q > b.Q:
			return -1
		case a.Q < b.Q:
			return 1
		}
		return 0
	})
	return out
}

func parseMediaType(s string) (mediaType, bool) {
	t, params, err := mime.ParseMediaType(strings.TrimSpace(s))
	if err != nil { // unquoted slashes in type=application/dicom, which many clients send
		if t, params = parseLoosely(s); t == "" {
			return mediaType{}, false
		}
	}
	m := mediaType{Type: t, Syntax: strings.TrimSpace(params["transfer-syntax"]), Q: 1}
	if v, ok := params["q"]; ok {
		q, err := strconv.ParseFloat(v, 64)
		if err != nil || !(q >= 0 && q <= 1) {
			return mediaType{}, false
		}
		m.Q = q
	}
	if t == typeRelated {
		m.Related = true
		if m.Type = strings.ToLower(params["type"]); m.Type == "" {
			m.Type = "*/*"
		}
	}
	return m, true
}

// parseLoosely takes parameters as they stand between semicolons.
func parseLoosely(s string) (string, map[string]string) {
	parts := splitQuoted(s, ';')
	if len(parts) == 0 {
		return "", nil
	}
	t := strings.ToLower(strings.TrimSpace(parts[0]))
	if !strings.Contains(t, "/") || strings.ContainsAny(t, " \"=") {
		return "", nil
	}
	params := map[string]string{}
	for _, p := range parts[1:] {
		k, v, ok := strings.Cut(p, "=")
		if !ok {
			continue
		}
		params[strings.ToLower(strings.TrimSpace(k))] = strings.Trim(strings.TrimSpace(v), `"`)
	}
	return t, params
}

// splitQuoted splits at a separator outside of quotes.
func splitQuoted(s string, sep byte) []string {
	var out []string
	quoted, from := false, 0
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && quoted:
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == sep && !quoted:
			out = append(out, s[from:i])
			from = i + 1
		}
	}
	if strings.TrimSpace(s[min(from, len(s)):]) != "" {
		out = append(out, s[from:])
	}
	return out
}

// matches reports whether the accepted type covers t.
func (m mediaType) matches(t string) bool {
	major, _, _ := strings.Cut(t, "/")
	return m.Type == t || m.Type == "*/*" || m.Type == major+"/*"
}

// errNotAcceptable is answered with 406.
func errNotAcceptable(have ...string) error {
	return &statusError{406, fault.New(fault.Usage, "none of the accepted media types can be given; there are: %s", strings.Join(have, ", "))}
}

// choose is the first accepted type that covers one of have, with its transfer syntax and form.
func choose(accepts []mediaType, have ...string) (string, mediaType, error) {
	if len(accepts) == 0 {
		return have[0], mediaType{Type: have[0], Q: 1}, nil
	}
	for _, m := range accepts {
		for _, t := range have {
			if m.matches(t) {
				return t, m, nil
			}
		}
	}
	return "", mediaType{}, errNotAcceptable(have...)
}

// frameTypes are the media types of compressed frames (PS3.18 tables 8.7.3-2 to 8.7.3-5).
var frameTypes = map[dicom.TransferSyntax]string{
	uid.JPEGBaseline8Bit: "image/jpeg", uid.JPEGExtended12Bit: "image/jpeg", uid.JPEGLossless: "image/jpeg", uid.JPEGLosslessSV1: "image/jpeg",
	uid.RLELossless: "image/dicom-rle", uid.JPEGLSLossless: "image/jls", uid.JPEGLSNearLossless: "image/jls",
	uid.JPEG2000Lossless: "image/jp2", uid.JPEG2000: "image/jp2", uid.JPEG2000MCLossless: "image/jpx", uid.JPEG2000MC: "image/jpx",
	uid.HTJ2KLossless: "image/jphc", uid.HTJ2KLosslessRPCL: "image/jphc", uid.HTJ2K: "image/jphc",
	uid.JPEGXLLossless: "image/jxl", uid.JPEGXLJPEGRecompression: "image/jxl", uid.JPEGXL: "image/jxl",
	uid.MPEG2MPML: "video/mpeg2", uid.MPEG2MPHL: "video/mpeg2", uid.MPEG4HP41: "video/mp4", uid.MPEG4HP41BD: "video/mp4",
	uid.MPEG4HP422D: "video/mp4", uid.MPEG4HP423D: "video/mp4", uid.MPEG4HP42STEREO: "video/mp4", uid.HEVCMP51: "video/mp4", uid.HEVCM10P51: "video/mp4",
}

// defaultSyntax is the transfer syntax of a frame's media type that names none.
var defaultSyntax = map[string]dicom.TransferSyntax{
	"image/jpeg": uid.JPEGLosslessSV1, "image/dicom-rle": uid.RLELossless, "image/jls": uid.JPEGLSLossless, "image/jp2": uid.JPEG2000Lossless,
	"image/jpx": uid.JPEG2000MCLossless, "image/jphc": uid.HTJ2KLossless, "image/jxl": uid.JPEGXLLossless,
}
