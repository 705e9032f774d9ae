package manual

import "testing"

func TestTheManualLeadsToAWorkingNumber(t *testing.T) {
	o := newOperator(t)
	o.follows(o.page.under(t, "1. Packages, program, user"))
	o.follows(o.page.under(t, "2. Three passwords"))
	o.follows(o.page.under(t, "3. Redis"))
}
