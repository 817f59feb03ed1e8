package serve

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
)

// crossOrigin refuses what a browser sends for another site's page and would change something, and lets the named origins in (CORS, of
// the Fetch standard). Credentials travel as bearer tokens there: cookies are not allowed across origins.
func crossOrigin(h http.Handler, origins []string) (http.Handler, error) {
	guard := http.NewCrossOriginProtection()
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || u.Path != "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fault.New(fault.Usage, "%q is no origin", o).WithHint("as https://viewer.example, without a path")
		}
		if err := guard.AddTrustedOrigin(o); err != nil {
			return nil, fault.New(fault.Usage, "%q is no origin: %w", o, err)
		}
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "a page of another site may not do this", http.StatusForbidden)
	}))
	guarded := guard.Handler(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		origin := r.Header.Get("Origin")
		if len(origins) > 0 {
			w.Header().Add("Vary", "Origin")
		}
		if origin == "" || !slices.Contains(origins, origin) {
			guarded.ServeHTTP(w, r)
			return
		}
		hd := w.Header()
		hd.Set("Access-Control-Allow-Origin", origin)
		hd.Set("Access-Control-Expose-Headers", "Content-Location, Content-Range, Accept-Ranges, ETag, Warning, Retry-After, Content-Disposition")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			hd.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS")
			hd.Set("Access-Control-Allow-Headers", strings.Join([]string{"Accept", "Authorization", "Content-Type", "If-None-Match", "Range"}, ", "))
			hd.Set("Access-Control-Max-Age", "7200")
			hd.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		guarded.ServeHTTP(w, r)
	}), nil
}
