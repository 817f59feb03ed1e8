package cohort

// Template fills a template of a file name over the cohort's columns, as data.file is one; what says who asks, in errors of code usage. Names
// that are not absolute start from the cohort's root. The filled name is empty for rows with a missing value in one of its columns.
func (c *Cohort) Template(text, what string) (func(row int) string, error) {
	parts, err := parseTemplate(&table{name: c.tableName(), columns: c.Columns}, text, what)
	if err != nil {
		return nil, err
	}
	return func(row int) string {
		name, ok := fillTemplate(parts, c.Rows[row].Columns)
		if !ok {
			return ""
		}
		return c.inRoot(name)
	}, nil
}
