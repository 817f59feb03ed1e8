package oidc

import (
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/internal/fault"
	"github.com/cineloop/cineloop/internal/strictyaml"
)

// File is what a project's folder has where its members log in with an identity provider.
const File = "oidc.yaml"

// CallbackPath is where the issuer sends browsers back to; LoginPath is where they go after they logged out there.
const (
	CallbackPath = "/login/oidc/callback"
	LoginPath    = "/login"
)

// Claims that can name a member. Of these only sub is promised to belong to one person for ever (OpenID Connect Core 1.0, 5.7).
var Claims = []string{"preferred_username", "email", "sub"}

// Config is how a project's server knows its issuer.
type Config struct {
	Version    int               `yaml:"version"`
	Issuer     string            `yaml:"issuer"`      // URL, exactly as the issuer calls itself
	Client     string            `yaml:"client"`      // this server's name there
	SecretFile string            `yaml:"secret_file"` // relative to the project's folder; "": a public client
	URL        string            `yaml:"url"`         // this server's, as browsers know it
	Claim      string            `yaml:"claim"`       // that names a member; see Claims
	Members    map[string]string `yaml:"members"`     // value of the claim to member's name; empty: the value is the name
	CA         string            `yaml:"ca"`          // PEM of the authority of the issuer's certificate; "": those that the system trusts
	Label      string            `yaml:"label"`       // of the button

	dir string
}

// Read reads the configuration in a project's folder. Codes: notfound where there is none; usage and input name the key.
func Read(dir string) (*Config, error) {
	path := filepath.Join(dir, File)
	c := &Config{Version: 1, Claim: "preferred_username", Label: "Log in with your organisation's account", dir: dir}
	if err := strictyaml.ReadFile(path, c); err != nil {
		return nil, err
	}
	wrong := func(key, format string, args ...any) *fault.Error {
		return fault.New(fault.Usage, path+": "+key+": "+format, args...)
	}
	if c.Version != 1 {
		return nil, fault.New(fault.Conflict, "%s has version %d, this program knows 1", path, c.Version)
	}
	if !secureURL(c.Issuer) {
		return nil, wrong("issuer", "it is no https URL").WithHint("as the issuer's discovery document has it: https://login.hospital.example/realms/clinic")
	}
	if c.Client == "" {
		return nil, wrong("client", "the client that the issuer knows this server by")
	}
	if u, err := url.Parse(c.URL); !secureURL(c.URL) || err != nil || strings.Trim(u.Path, "/") != "" {
		return nil, wrong("url", "it is no https URL without a path").WithHint("this server's, as browsers know it: https://reading.hospital.example")
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	if !slices.Contains(Claims, c.Claim) {
		return nil, wrong("claim", "%q is none of %v", c.Claim, Claims)
	}
	if c.Claim == "sub" && len(c.Members) == 0 {
		return nil, wrong("members", "a sub names nobody by itself").WithHint("members: {SUB: NAME}")
	}
	if len(c.Label) > 80 {
		return nil, wrong("label", "it has at most 80 bytes")
	}
	return c, nil
}

// secureURL says whether a URL is https, or http on this machine, and has neither user nor query nor fragment.
func secureURL(s string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return false
	}
	local := slices.Contains([]string{"localhost", "127.0.0.1", "::1"}, u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && local
}

// Member is the member's name that a claim's value stands for.
func (c *Config) Member(value string) (name string, ok bool) {
	if len(c.Members) == 0 {
		return value, value != ""
	}
	name, ok = c.Members[value]
	return name, ok
}

// Same says whether o lets the same issuer speak for members in the same way.
func (c *Config) Same(o *Config) bool {
	return c.Issuer == o.Issuer && c.Client == o.Client && c.Claim == o.Claim && c.URL == o.URL
}

// RedirectURI is what has to be registered at the issuer.
func (c *Config) RedirectURI() string { return c.URL + CallbackPath }

// file is a path of the configuration, relative to the project's folder.
func (c *Config) file(path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(c.dir, path)
}

// secret reads the client's.
func (c *Config) secret() (string, error) {
	if c.SecretFile == "" {
		return "", nil
	}
	path := c.file(c.SecretFile)
	st, err := os.Stat(path)
	if err != nil {
		return "", fault.New(fault.NotFound, "the client's secret: %w", err)
	}
	if st.Mode().Perm()&0o077 != 0 {
		return "", fault.New(fault.Usage, "%s can be read by others on this machine", path).WithHint("chmod 600 %s", path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fault.New(fault.NotFound, "the client's secret: %w", err)
	}
	s := strings.TrimSpace(string(b))
	if s == "" || len(s) > 4096 {
		return "", fault.New(fault.Input, "%s holds no secret", path)
	}
	return s, nil
}
