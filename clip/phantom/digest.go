package phantom

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// clipDigest identifies one clip by everything that decides its bytes.
func (c *Cohort) clipDigest(p *Patient, v View) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s|%d|%s", c.cfg.pictureDigest(), p.Index, v))
	return hex.EncodeToString(sum[:])
}

// FileName is a clip's name without extension, in EchoNet's form: 0X and 16 hexadecimal digits. It is a digest of the seed, the
// configuration, the patient's number and the view, so a file of that name is the right one, and it tells nothing about anyone.
func (c *Cohort) FileName(p *Patient, v View) string {
	return "0X" + strings.ToUpper(c.clipDigest(p, v)[:16])
}
