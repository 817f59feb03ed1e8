package web

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// wadoURI answers WADO-URI (PS3.18 section 9), which older viewers speak: one instance by query parameters, by translation to the
// resources of WADO-RS.
func (s *Server) wadoURI(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	if v.Get("requestType") != "WADO" {
		return fault.New(fault.Usage, "requestType is WADO")
	}
	at := Resource{v.Get("studyUID"), v.Get("seriesUID"), v.Get("objectUID")}
	if at.Study == "" || at.Series == "" || at.Instance == "" {
		return fault.New(fault.Usage, "studyUID, seriesUID and objectUID are needed")
	}
	if err := at.Check(); err != nil {
		return err
	}
	accepts := parseAccept(v.Get("contentType"))
	if len(accepts) == 0 {
		accepts = []mediaType{{Type: typeJPEG, Q: 1}, {Type: typeDICOM, Q: 1}}
	}
	kind, _, err := choose(accepts, typeJPEG, typePNG, typeDICOM)
	if err != nil {
		return err
	}
	in, err := s.first(r.Context(), at)
	if err != nil {
		return err
	}
	if kind == typeDICOM {
		take := want([]mediaType{{Type: typeDICOM, Syntax: v.Get("transferSyntax"), Q: 1}}, typeDICOM, false)
		if v.Get("transferSyntax") == "" {
			take.any = true // as it is stored: what the bytes are is in them
		}
		return s.single(w, r, in, take)
	}
	l, err := parseLook(uriLook(v))
	if err != nil {
		return err
	}
	frame := 0
	if f := v.Get("frameNumber"); f != "" {
		list, err := parseFrames(f)
		if err != nil {
			return err
		}
		frame = list[0]
	}
	if notModified(w, r, in.Tag+"-uri-"+kind+v.Get("frameNumber")+lookTag(l)) {
		return nil
	}
	b, err := s.picture(r.Context(), in, frame, l, kind)
	if fault.CodeOf(err) == fault.NotFound && v.Get("contentType") == "" && v.Get("frameNumber") == "" {
		return s.single(w, r, in, wanted{any: true}) // no pixels: the object itself
	}
	if err != nil {
		return undecodable(err)
	}
	w.Header().Set("Content-Type", kind)
	return serveBytes(w, r, b)
}

// uriLook translates the parameters of a picture.
func uriLook(v url.Values) url.Values {
	out := url.Values{}
	if c, w := v.Get("windowCenter"), v.Get("windowWidth"); c != "" && w != "" {
		out.Set("window", c+","+w+",linear")
	}
	if rows, columns := v.Get("rows"), v.Get("columns"); rows != "" || columns != "" {
		out.Set("viewport", strings.Join([]string{columns, rows}, ","))
	}
	if q := v.Get("imageQuality"); q != "" {
		out.Set("quality", q)
	}
	return out
}
