package catalog

import (
	"context"
	"database/sql"
	"iter"

	"github.com/cineloop/cineloop/store/internal/sqldb"
	"github.com/cineloop/cineloop/store/object"
)

// each runs a query and gives its rows one by one; the last pair carries the error, if any.
func each[T any](ctx context.Context, db *sqldb.DB, scan func(func(...any) error) (T, error), query string, args ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var zero T
		rows, err := db.Read.QueryContext(ctx, db.Q(query), args...)
		if err != nil {
			yield(zero, sqldb.Wrap(err, "reading the catalog"))
			return
		}
		defer rows.Close()
		for rows.Next() {
			v, err := scan(rows.Scan)
			if err != nil {
				yield(zero, sqldb.Wrap(err, "reading the catalog"))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(zero, sqldb.Wrap(err, "reading the catalog"))
		}
	}
}

func all[T any](seq iter.Seq2[T, error]) ([]T, error) {
	var out []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// instanceColumns is what scanInstance reads, of the tables i (instances), e (series) and s (studies).
const instanceColumns = `i.sop_instance_uid, i.variant, i.study_uid, i.series_uid, i.sop_class_uid, i.transfer_syntax_uid, i.digest, i.data_set,
	i.size, i.attrs, i.run, i.origin, i.rules, i.received, e.attrs, s.attrs`

const instanceTables = ` FROM instances i JOIN series e ON e.study_uid = i.study_uid AND e.series_uid = i.series_uid
	JOIN studies s ON s.study_uid = i.study_uid `

func scanInstance(scan func(...any) error) (Variant, error) {
	var v Variant
	var digest, dataSet, own, series, study string
	var ms int64
	if err := scan(&v.SOPInstanceUID, &v.Number, &v.StudyUID, &v.SeriesUID, &v.SOPClassUID, &v.TransferSyntaxUID, &digest, &dataSet,
		&v.Size, &own, &v.Run, &v.Origin, &v.Rules, &ms, &series, &study); err != nil {
		return v, err
	}
	v.Received = moment(ms)
	var err error
	if v.Digest, err = object.ParseDigest(digest); err != nil {
		return v, err
	}
	if dataSet != "" {
		if v.DataSet, err = object.ParseDigest(dataSet); err != nil {
			return v, err
		}
	}
	v.Attributes = map[string]string{}
	for _, text := range []string{study, series, own} {
		m, err := fromJSON(text)
		if err != nil {
			return v, err
		}
		for k, val := range m {
			v.Attributes[k] = val
		}
	}
	return v, nil
}

// notFound tells an empty answer from a failed one.
func notFound(err error) bool { return err == sql.ErrNoRows }
