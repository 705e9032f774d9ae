package noteview

// For tests of this package.
var (
	MostRows = mostRows
)

// SetMost lets a workbook hold fewer notes.
func (x *XLSX) SetMost(most int) { x.most = most }
