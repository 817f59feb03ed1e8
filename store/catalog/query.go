package catalog

import (
	"context"
	"slices"
	"strings"

	"github.com/cineloop/cineloop/store/internal/sqldb"
)

// Query asks for records of one level. Conditions may name attributes of any level: one of a lower level holds if some instance or
// series below has it (relational matching, PS3.4 C.4.1.2.2). Results are in a fixed order: studies from the newest, series and
// instances by their numbers, patients by their identifiers.
type Query struct {
	Level  Level
	Match  []Match
	Limit  int // 0 is all
	Offset int
}

// Record is one answer.
type Record struct {
	StudyUID, SeriesUID, SOPInstanceUID string            // down to the level asked for
	Attributes                          map[string]string // of the level and those above
	Modalities                          []string          // of a study
	Studies, Series, Instances          int               // below the record
	Instance                            *Instance         // at Image level
}

// Find answers a query.
func (c *Catalog) Find(ctx context.Context, q Query) ([]Record, error) {
	where, args := q.where()
	limit := ""
	if q.Limit > 0 {
		limit = " LIMIT ? OFFSET ?"
		args = append(args, q.Limit, q.Offset)
	} else if q.Offset > 0 {
		limit = " LIMIT 9223372036854775807 OFFSET ?"
		args = append(args, q.Offset)
	}
	switch q.Level {
	case Image:
		vs, err := all(each(ctx, c.db, scanInstance, `SELECT `+instanceColumns+instanceTables+where+
			` ORDER BY i.study_uid, e.series_number, i.series_uid, i.instance_number, i.sop_instance_uid`+limit, args...))
		out := make([]Record, len(vs))
		for k := range vs {
			in := &vs[k].Instance
			out[k] = Record{StudyUID: in.StudyUID, SeriesUID: in.SeriesUID, SOPInstanceUID: in.SOPInstanceUID, Attributes: in.Attributes, Instances: 1, Instance: in}
		}
		return out, err
	case Series:
		return all(each(ctx, c.db, scanSeries, `SELECT e.study_uid, e.series_uid, e.attrs, s.attrs,
			(SELECT COUNT(*) FROM instances n WHERE n.study_uid = e.study_uid AND n.series_uid = e.series_uid AND n.variant = 0)
			FROM series e JOIN studies s ON s.study_uid = e.study_uid `+where+` ORDER BY e.study_uid, e.series_number, e.series_uid`+limit, args...))
	case Study:
		out, err := all(each(ctx, c.db, scanStudy, `SELECT s.study_uid, s.attrs,
			(SELECT COUNT(*) FROM series n WHERE n.study_uid = s.study_uid),
			(SELECT COUNT(*) FROM instances n WHERE n.study_uid = s.study_uid AND n.variant = 0)
			FROM studies s `+where+` ORDER BY s.study_date DESC, s.study_uid`+limit, args...))
		if err != nil {
			return nil, err
		}
		return out, c.modalities(ctx, out)
	}
	return all(each(ctx, c.db, scanPatient, `SELECT MIN(s.study_uid), s.patient_id, MIN(s.patient_name), MIN(s.birth_date), MIN(s.sex), COUNT(*)
		FROM studies s `+where+` GROUP BY s.patient_id ORDER BY s.patient_id`+limit, args...))
}

// Count is how many records Find would give without limit and offset.
func (c *Catalog) Count(ctx context.Context, q Query) (int, error) {
	where, args := q.where()
	from := map[Level]string{
		Patient: `SELECT COUNT(DISTINCT s.patient_id) FROM studies s `,
		Study:   `SELECT COUNT(*) FROM studies s `,
		Series:  `SELECT COUNT(*) FROM series e JOIN studies s ON s.study_uid = e.study_uid `,
		Image:   `SELECT COUNT(*)` + instanceTables,
	}[q.Level]
	var n int
	err := c.db.Read.QueryRowContext(ctx, c.db.Q(from+where), args...).Scan(&n)
	return n, sqldb.Wrap(err, "counting in the catalog")
}

func (q Query) where() (string, []any) {
	var conds []string
	var args []any
	for _, m := range q.Match {
		expr, level := place(m.Keyword)
		cond, a := m.condition(expr)
		if level > max(q.Level, Study) {
			cond = below(max(q.Level, Study), level, cond)
		}
		conds, args = append(conds, "("+cond+")"), append(args, a...)
	}
	if q.Level == Image {
		conds = append(conds, "i.variant = 0")
	}
	if len(conds) == 0 {
		return "", nil
	}
	return "WHERE " + strings.Join(conds, " AND "), args
}

// below says that something under the record fulfils cond.
func below(from, to Level, cond string) string {
	switch {
	case from == Study && to == Series:
		return "EXISTS (SELECT 1 FROM series e WHERE e.study_uid = s.study_uid AND " + cond + ")"
	case from == Study:
		return "EXISTS (SELECT 1 FROM instances i WHERE i.study_uid = s.study_uid AND i.variant = 0 AND " + cond + ")"
	}
	return "EXISTS (SELECT 1 FROM instances i WHERE i.study_uid = e.study_uid AND i.series_uid = e.series_uid AND i.variant = 0 AND " + cond + ")"
}

func scanSeries(scan func(...any) error) (r Record, err error) {
	var own, study string
	if err = scan(&r.StudyUID, &r.SeriesUID, &own, &study, &r.Instances); err != nil {
		return r, err
	}
	if r.Attributes, err = fromJSON(study); err != nil {
		return r, err
	}
	m, err := fromJSON(own)
	for k, v := range m {
		r.Attributes[k] = v
	}
	return r, err
}

func scanStudy(scan func(...any) error) (r Record, err error) {
	var text string
	if err = scan(&r.StudyUID, &text, &r.Series, &r.Instances); err != nil {
		return r, err
	}
	r.Attributes, err = fromJSON(text)
	return r, err
}

func scanPatient(scan func(...any) error) (r Record, err error) {
	var study string
	var a [4]string
	if err = scan(&study, &a[0], &a[1], &a[2], &a[3], &r.Studies); err != nil {
		return r, err
	}
	r.Attributes = map[string]string{}
	for k, name := range []string{"PatientID", "PatientName", "PatientBirthDate", "PatientSex"} {
		if a[k] != "" {
			r.Attributes[name] = a[k]
		}
	}
	return r, nil
}

// modalities fills in ModalitiesInStudy for a page of studies with one statement per hundred.
func (c *Catalog) modalities(ctx context.Context, studies []Record) error {
	for page := range slices.Chunk(studies, 100) {
		at := map[string]*Record{}
		var args []any
		for k := range page {
			at[page[k].StudyUID] = &page[k]
			args = append(args, page[k].StudyUID)
		}
		type pair struct{ study, modality string }
		for p, err := range each(ctx, c.db, func(scan func(...any) error) (p pair, err error) {
			err = scan(&p.study, &p.modality)
			return p, err
		}, `SELECT DISTINCT study_uid, modality FROM series WHERE modality <> '' AND study_uid IN `+sqldb.Marks(len(args))+` ORDER BY study_uid, modality`, args...) {
			if err != nil {
				return err
			}
			at[p.study].Modalities = append(at[p.study].Modalities, p.modality)
		}
	}
	return nil
}
