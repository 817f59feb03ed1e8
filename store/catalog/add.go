package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/cineloop/cineloop/store/internal/sqldb"
	"github.com/cineloop/cineloop/store/object"
)

// Status is what became of an instance.
type Status string

// What can become of what is added.
const (
	Stored      Status = "stored"
	Duplicate   Status = "duplicate"   // the same content, or the same data set, is there already
	Conflict    Status = "conflict"    // kept beside another content under the same SOPInstanceUID
	Quarantined Status = "quarantined" // kept, not described
)

// Outcome of an Add.
type Outcome struct {
	Status Status
	// Known is the content that stands for the instance in the archive: for a duplicate or a conflict the one that was there first.
	Known object.Digest
	// Disagreements is how many attributes of study or series differ from the values that stand.
	Disagreements int
}

// Entry is one thing to add: an instance, or a content in quarantine.
type Entry struct {
	Instance   *Instance
	Quarantine *Quarantine
	Seal       string // for whom the content was sealed when it was written; "": open, or it was there already and nobody knows
	// Guard runs inside the transaction, while [Catalog.Reap] is kept out; its error drops this entry alone. The archive checks
	// there that the object exists, so that no record without content can be committed.
	Guard func(context.Context) error
}

// Add records an instance or a quarantined content and returns when that is durable.
func (c *Catalog) Add(ctx context.Context, e Entry) (Outcome, error) {
	e = e.clean()
	if e.Instance != nil {
		if err := e.Instance.Check(); err != nil {
			return Outcome{}, err
		}
	}
	return c.group.add(ctx, e)
}

func (c *Catalog) addOne(ctx context.Context, tx *sqldb.Tx, e Entry) (Outcome, error) {
	if e.Quarantine != nil {
		return c.addQuarantine(ctx, tx, e.Quarantine, e.Seal)
	}
	return c.addInstance(ctx, tx, e.Instance, e.Seal)
}

func addObject(ctx context.Context, tx *sqldb.Tx, d object.Digest, size, now int64, seal string) error {
	_, err := tx.Exec(ctx, `INSERT INTO objects (digest, size, state, added, checked, seal) VALUES (?, ?, 'good', ?, 0, ?)
		ON CONFLICT (digest) DO UPDATE SET state = 'good', seal = excluded.seal WHERE objects.state <> 'good'`, d.String(), size, now, seal)
	return sqldb.Wrap(err, "recording an object")
}

func (c *Catalog) addInstance(ctx context.Context, tx *sqldb.Tx, in *Instance, seal string) (Outcome, error) {
	known, next, dup, err := variants(ctx, tx, in)
	if err != nil {
		return Outcome{}, err
	}
	if dup {
		if known == in.Digest { // a repaired content: it is good again
			err = addObject(ctx, tx, in.Digest, in.Size, millis(in.Received), seal)
		}
		return Outcome{Status: Duplicate, Known: known}, err
	}
	if err := addObject(ctx, tx, in.Digest, in.Size, millis(in.Received), seal); err != nil {
		return Outcome{}, err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM quarantine WHERE digest = ?`, in.Digest.String()); err != nil {
		return Outcome{}, sqldb.Wrap(err, "leaving quarantine")
	}
	study, series, image := split(in.Attributes)
	differ, err := mergeStudy(ctx, tx, in, study)
	if err != nil {
		return Outcome{}, err
	}
	n, err := mergeSeries(ctx, tx, in, series)
	if err != nil {
		return Outcome{}, err
	}
	_, err = tx.Exec(ctx, `INSERT INTO instances (sop_instance_uid, variant, study_uid, series_uid, sop_class_uid, transfer_syntax_uid,
		digest, data_set, size, instance_number, attrs, run, origin, rules, received) VALUES `+sqldb.Marks(15),
		in.SOPInstanceUID, next, in.StudyUID, in.SeriesUID, in.SOPClassUID, in.TransferSyntaxUID, in.Digest.String(), digestText(in.DataSet),
		in.Size, number(image["InstanceNumber"]), toJSON(image), in.Run, in.Origin, in.Rules, millis(in.Received))
	if err != nil {
		return Outcome{}, sqldb.Wrap(err, "recording an instance")
	}
	out := Outcome{Status: Stored, Known: in.Digest, Disagreements: differ + n}
	if next > 0 {
		out.Status, out.Known = Conflict, known
	}
	return out, nil
}

// variants looks up what is known under the SOPInstanceUID: the content that stands, the next free variant, and whether in is there.
func variants(ctx context.Context, tx *sqldb.Tx, in *Instance) (known object.Digest, next int64, dup bool, err error) {
	rows, err := tx.Query(ctx, `SELECT variant, digest, data_set FROM instances WHERE sop_instance_uid = ? ORDER BY variant`, in.SOPInstanceUID)
	if err != nil {
		return known, 0, false, sqldb.Wrap(err, "looking an instance up")
	}
	defer rows.Close()
	for rows.Next() {
		var variant int64
		var digest, dataSet string
		if err := rows.Scan(&variant, &digest, &dataSet); err != nil {
			return known, 0, false, err
		}
		d, err := object.ParseDigest(digest)
		if err != nil {
			return known, 0, false, err
		}
		same := d == in.Digest || dataSet != "" && dataSet == digestText(in.DataSet)
		if variant == 0 || same && !dup {
			known = d
		}
		dup = dup || same
		next = variant + 1
	}
	return known, next, dup, rows.Err()
}

func mergeStudy(ctx context.Context, tx *sqldb.Tx, in *Instance, attrs map[string]string) (int, error) {
	var text string
	var last int64
	err := tx.QueryRow(ctx, `SELECT attrs, last_received FROM studies WHERE study_uid = ?`, in.StudyUID).Scan(&text, &last)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = tx.Exec(ctx, `INSERT INTO studies (study_uid, patient_id, patient_name, name_key, birth_date, sex, study_date, study_time,
			accession_number, attrs, first_received, last_received) VALUES `+sqldb.Marks(12),
			append([]any{in.StudyUID}, append(studyColumns(attrs), toJSON(attrs), millis(in.Received), millis(in.Received))...)...)
		return 0, sqldb.Wrap(err, "recording a study")
	}
	if err != nil {
		return 0, sqldb.Wrap(err, "looking a study up")
	}
	merged, changed, differ, err := merge(ctx, tx, in, "", text, attrs)
	if err != nil {
		return 0, err
	}
	if !changed && millis(in.Received) <= last {
		return differ, nil
	}
	if !changed {
		_, err = tx.Exec(ctx, `UPDATE studies SET last_received = ? WHERE study_uid = ?`, millis(in.Received), in.StudyUID)
		return differ, sqldb.Wrap(err, "updating a study")
	}
	args := append(studyColumns(merged), toJSON(merged), max(last, millis(in.Received)), in.StudyUID)
	_, err = tx.Exec(ctx, `UPDATE studies SET patient_id = ?, patient_name = ?, name_key = ?, birth_date = ?, sex = ?, study_date = ?,
		study_time = ?, accession_number = ?, attrs = ?, last_received = ? WHERE study_uid = ?`, args...)
	return differ, sqldb.Wrap(err, "updating a study")
}

func studyColumns(a map[string]string) []any {
	return []any{a["PatientID"], a["PatientName"], nameKey(a["PatientName"]), a["PatientBirthDate"], a["PatientSex"], a["StudyDate"], a["StudyTime"],
		a["AccessionNumber"]}
}

func mergeSeries(ctx context.Context, tx *sqldb.Tx, in *Instance, attrs map[string]string) (int, error) {
	var text string
	err := tx.QueryRow(ctx, `SELECT attrs FROM series WHERE study_uid = ? AND series_uid = ?`, in.StudyUID, in.SeriesUID).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = tx.Exec(ctx, `INSERT INTO series (study_uid, series_uid, modality, series_number, attrs) VALUES `+sqldb.Marks(5),
			in.StudyUID, in.SeriesUID, attrs["Modality"], number(attrs["SeriesNumber"]), toJSON(attrs))
		return 0, sqldb.Wrap(err, "recording a series")
	}
	if err != nil {
		return 0, sqldb.Wrap(err, "looking a series up")
	}
	merged, changed, differ, err := merge(ctx, tx, in, in.SeriesUID, text, attrs)
	if err != nil || !changed {
		return differ, err
	}
	_, err = tx.Exec(ctx, `UPDATE series SET modality = ?, series_number = ?, attrs = ? WHERE study_uid = ? AND series_uid = ?`,
		merged["Modality"], number(merged["SeriesNumber"]), toJSON(merged), in.StudyUID, in.SeriesUID)
	return differ, sqldb.Wrap(err, "updating a series")
}

// merge applies [RuleFirst]: gaps are filled, other values are noted.
func merge(ctx context.Context, tx *sqldb.Tx, in *Instance, series, text string, attrs map[string]string) (map[string]string, bool, int, error) {
	merged, err := fromJSON(text)
	if err != nil {
		return nil, false, 0, err
	}
	changed, differ := false, 0
	for _, k := range slices.Sorted(maps.Keys(attrs)) {
		switch old, have := merged[k]; {
		case !have:
			merged[k], changed = attrs[k], true
		case old != attrs[k]:
			differ++
			if _, err := tx.Exec(ctx, `INSERT INTO disagreements (study_uid, series_uid, keyword, kept, other, sop_instance_uid, rule)
				VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				in.StudyUID, series, k, old, attrs[k], in.SOPInstanceUID, RuleFirst); err != nil {
				return nil, false, 0, sqldb.Wrap(err, "noting a disagreement")
			}
		}
	}
	return merged, changed, differ, nil
}

func digestText(d object.Digest) string {
	if d == (object.Digest{}) {
		return ""
	}
	return d.String()
}

// toJSON cannot fail on a map of strings.
func toJSON(m map[string]string) string {
	b, _ := json.Marshal(m)
	return string(b)
}

func fromJSON(s string) (map[string]string, error) {
	m := map[string]string{}
	err := json.Unmarshal([]byte(s), &m)
	return m, sqldb.Wrap(err, "reading a record's attributes")
}
