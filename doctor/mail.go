package doctor

import "context"

// judgeMail tries the SMTP server. Notes are safe without it, and nobody is told of them.
func judgeMail(ctx context.Context, try func(context.Context) error) []Finding {
	if try == nil {
		return nil
	}
	if err := try(ctx); err != nil {
		return []Finding{{
			checkMail, Warning, "the SMTP server takes no mail, and nobody is told of callback notes: " + err.Error(),
			"See notify.smtp in the configuration, and not-delivered in docs/operating.md",
		}}
	}
	return []Finding{{Check: checkMail, Verdict: OK, Text: "the SMTP server lets us in"}}
}
