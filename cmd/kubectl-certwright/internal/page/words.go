package page

import (
	"fmt"
	"time"
)

// short is a duration in its largest unit, or two where one says too little. A
// page is looked at for minutes, so it has no seconds that change all the time.
func short(d time.Duration) string {
	days, hours, minutes := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60
	switch {
	case days >= 3*365:
		return fmt.Sprintf("%d years", days/365)
	case days >= 3:
		return fmt.Sprintf("%d days", days)
	case days > 0:
		return fmt.Sprintf("%d h", days*24+hours)
	case hours > 0 && minutes > 0:
		return fmt.Sprintf("%d h %d min", hours, minutes)
	case hours > 0:
		return fmt.Sprintf("%d h", hours)
	default:
		return fmt.Sprintf("%d min", minutes)
	}
}

// when is how far away a time is.
func when(t, now time.Time) string {
	switch {
	case t.IsZero():
		return ""
	case t.Sub(now).Abs() < time.Minute:
		return "now"
	case t.After(now):
		return "in " + short(t.Sub(now))
	default:
		return short(now.Sub(t)) + " ago"
	}
}

// exact is a time as it is written in objects.
func exact(t time.Time) string { return t.UTC().Format(time.RFC3339) }
