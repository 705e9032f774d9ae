package config

import "time"

// The types below are the form of the file. Their tags are the one place that says what a key may hold; the check of
// the file, its defaults and the completeness of docs/configuration.md follow from them:
//
//	mapstructure  the key
//	default       its value when the key is left out
//	need          "yes" when it may not be left out
//	eg            what the value may look like, for error texts; the default otherwise
//	form          what kind of text it holds, see forms.go; of a list or mapping, what its elements hold
//	keys          of a mapping, what kind of keys it has; one word per level, divided by a slash
//	min, max      of a number or duration; of a list or mapping, the most elements it may have
//	oneof         the texts that it may be, divided by commas; queue.Strategies for those of package queue

type fileForm struct {
	ARI            ariForm                     `mapstructure:"ari"`
	Redis          redisForm                   `mapstructure:"redis"`
	Listen         listenForm                  `mapstructure:"listen"`
	Web            webForm                     `mapstructure:"web"`
	Prompts        promptsForm                 `mapstructure:"prompts"`
	State          stateForm                   `mapstructure:"state"`
	Log            logForm                     `mapstructure:"log"`
	Callbacks      callbacksForm               `mapstructure:"callbacks"`
	Norm           normForm                    `mapstructure:"norm"`
	KPI            kpiForm                     `mapstructure:"kpi"`
	Texts          textsForm                   `mapstructure:"texts" keys:"language/prompt" eg:"{nl: {menu: Toets 1 of blijf aan de lijn.}}"`
	Municipalities map[string]municipalityForm `mapstructure:"municipalities" keys:"id" need:"yes" eg:"{deventer: {name: Deventer, …}}"`
	Entries        []entryForm                 `mapstructure:"entries" need:"yes" eg:"[{number: \"140570\", first: {menu: main}}]"`
	SignIn         *signInForm                 `mapstructure:"sign_in" eg:"{local: {enabled: true}}"`
	Look           lookForm                    `mapstructure:"look"`
	People         map[string]personForm       `mapstructure:"people" keys:"person" eg:"{anouk: {name: Anouk de Vries, roles: {kcc: lead}}}"`
	Notify         *notifyForm                 `mapstructure:"notify" eg:"{smtp: {host: mail.deventer.nl, from: bel@deventer.nl}}"`
	Unknown        *unknownForm                `mapstructure:"unknown" eg:"{first: {team: kcc}}"`
	Menus          map[string]menuForm         `mapstructure:"menus" keys:"id" eg:"{main: {prompts: [menu], …}}"`
	Agents         map[string]agentForm        `mapstructure:"agents" keys:"id" eg:"{kcc1: {endpoint: PJSIP/kcc1}}"`
	Teams          map[string]teamForm         `mapstructure:"teams" keys:"id" need:"yes" eg:"{kcc: {name: KCC, members: [kcc1]}}"`
}

type ariForm struct {
	URL          string `mapstructure:"url" default:"ws://127.0.0.1:8088/ari/events" form:"ari-address"`
	Application  string `mapstructure:"application" default:"bereikbaar" form:"application"`
	Username     string `mapstructure:"username" default:"bereikbaar" form:"word"`
	Password     string `mapstructure:"password" form:"secret"`
	PasswordFile string `mapstructure:"password_file" form:"path" eg:"/etc/bereikbaar/ari_password"`
}

type redisForm struct {
	Address      string `mapstructure:"address" default:"127.0.0.1:6379" form:"address-or-socket"`
	Username     string `mapstructure:"username" form:"word" eg:"bereikbaar"`
	Password     string `mapstructure:"password" form:"secret"`
	PasswordFile string `mapstructure:"password_file" form:"path" eg:"/etc/bereikbaar/redis_password"`
	Database     int    `mapstructure:"database" default:"0" min:"0" max:"1000"`
	TLS          bool   `mapstructure:"tls" default:"false"`

	CAFile          string `mapstructure:"tls_ca_file" form:"path" eg:"/etc/bereikbaar/redis_ca.pem"`
	CertificateFile string `mapstructure:"tls_certificate_file" form:"path" eg:"/etc/bereikbaar/redis_client.pem"`
	KeyFile         string `mapstructure:"tls_key_file" form:"path" eg:"/etc/bereikbaar/redis_client.key"`
	ServerName      string `mapstructure:"tls_server_name" form:"host" eg:"redis.deventer.nl"`

	Sentinel *sentinelForm `mapstructure:"sentinel" eg:"{addresses: [\"10.0.0.1:26379\"], master: bereikbaar}"`
}

type sentinelForm struct {
	Addresses    []string `mapstructure:"addresses" need:"yes" form:"address" max:"20" eg:"[\"10.0.0.1:26379\", \"10.0.0.2:26379\", \"10.0.0.3:26379\"]"`
	Master       string   `mapstructure:"master" need:"yes" form:"word" eg:"bereikbaar"`
	Username     string   `mapstructure:"username" form:"word" eg:"bereikbaar"`
	Password     string   `mapstructure:"password" form:"secret"`
	PasswordFile string   `mapstructure:"password_file" form:"path" eg:"/etc/bereikbaar/sentinel_password"`
	TLS          bool     `mapstructure:"tls" default:"false"`
}

type listenForm struct {
	Operations string `mapstructure:"operations" default:"127.0.0.1:9570" form:"address"`
	Web        string `mapstructure:"web" default:"127.0.0.1:8570" form:"address"`
}

type webForm struct {
	TokensFile string `mapstructure:"tokens_file" form:"path" eg:"/etc/bereikbaar/tokens.yaml"`
}

type signInForm struct {
	Address string        `mapstructure:"address" form:"site" eg:"https://bel.deventer.nl"`
	Idle    time.Duration `mapstructure:"idle" default:"15m" min:"5m" max:"4h"`
	Longest time.Duration `mapstructure:"longest" default:"10h" min:"15m" max:"24h"`
	Local   localForm     `mapstructure:"local"`
	OIDC    *oidcForm     `mapstructure:"oidc" eg:"{issuer: \"https://login.deventer.nl\", client_id: bereikbaar}"`
}

type localForm struct {
	Enabled bool `mapstructure:"enabled" default:"false"`
	Codes   bool `mapstructure:"codes" default:"true"`
}

type oidcForm struct {
	Issuer           string      `mapstructure:"issuer" need:"yes" form:"issuer" eg:"https://login.deventer.nl/realms/gemeente"`
	ClientID         string      `mapstructure:"client_id" need:"yes" eg:"bereikbaar"`
	ClientSecret     string      `mapstructure:"client_secret" form:"secret"`
	ClientSecretFile string      `mapstructure:"client_secret_file" form:"path" eg:"/etc/bereikbaar/oidc_secret"`
	Name             string      `mapstructure:"name" eg:"Gemeente Deventer"`
	Municipality     string      `mapstructure:"municipality" form:"id" eg:"deventer"`
	Scopes           []string    `mapstructure:"scopes" form:"scope" max:"20" default:"profile,email" eg:"[profile, email, groups]"`
	Claims           claimsForm  `mapstructure:"claims"`
	Groups           []groupForm `mapstructure:"groups" max:"1000" eg:"[{name: kcc, roles: {kcc: agent}}]"`
}

type claimsForm struct {
	ID     string `mapstructure:"id" default:"preferred_username" form:"claim"`
	Name   string `mapstructure:"name" default:"name" form:"claim"`
	Email  string `mapstructure:"email" default:"email" form:"claim"`
	Groups string `mapstructure:"groups" default:"groups" form:"claim"`
}

type groupForm struct {
	Name  string            `mapstructure:"name" need:"yes" eg:"kcc-medewerkers"`
	Roles map[string]string `mapstructure:"roles" need:"yes" keys:"team" oneof:"reader,agent,lead,admin" eg:"{kcc: agent}"`
}

type lookForm struct {
	Logo   string   `mapstructure:"logo" form:"path" eg:"/etc/bereikbaar/look/logo.svg"`
	Tokens string   `mapstructure:"tokens" form:"path" eg:"/etc/bereikbaar/look/tokens.css"`
	Fonts  []string `mapstructure:"fonts" form:"path" max:"10" eg:"[/etc/bereikbaar/look/deventer.woff2]"`
}

type personForm struct {
	Municipality string            `mapstructure:"municipality" form:"id" eg:"deventer"`
	Name         string            `mapstructure:"name" eg:"Anouk de Vries"`
	Email        string            `mapstructure:"email" form:"email" eg:"a.devries@deventer.nl"`
	Language     string            `mapstructure:"language" form:"language" eg:"nl"`
	Phone        string            `mapstructure:"phone" form:"endpoint" eg:"PJSIP/1234"`
	Roles        map[string]string `mapstructure:"roles" keys:"team" oneof:"reader,agent,lead,admin" eg:"{kcc: lead}"`
	Notify       *personNotifyForm `mapstructure:"notify" eg:"{events: [new, overdue]}"`
}

type personNotifyForm struct {
	Events []string `mapstructure:"events" max:"4" oneof:"new,warning,overdue,daily" default:"new,warning,overdue,daily" eg:"[new, overdue]"`
	Teams  []string `mapstructure:"teams" form:"id" max:"100" eg:"[kcc]"`
}

type notifyForm struct {
	Link     string                    `mapstructure:"link" form:"link" eg:"https://bel.deventer.nl"`
	Number   bool                      `mapstructure:"number" default:"false"`
	Story    bool                      `mapstructure:"story" default:"false"`
	SMTP     *smtpForm                 `mapstructure:"smtp" eg:"{host: mail.deventer.nl, from: bel@deventer.nl}"`
	Teams    map[string]teamNotifyForm `mapstructure:"teams" keys:"id" eg:"{kcc: {addresses: [kcc@deventer.nl]}}"`
	Webhooks map[string]webhookForm    `mapstructure:"webhooks" keys:"id" eg:"{zaak: {url: \"https://zaak.deventer.nl/bel\", secret_file: /etc/bereikbaar/zaak_secret}}"`
}

type smtpForm struct {
	Host         string `mapstructure:"host" need:"yes" form:"host" eg:"mail.deventer.nl"`
	Port         int    `mapstructure:"port" default:"587" min:"1" max:"65535"`
	TLS          string `mapstructure:"tls" default:"starttls" oneof:"starttls,tls,none"`
	CAFile       string `mapstructure:"tls_ca_file" form:"path" eg:"/etc/bereikbaar/smtp_ca.pem"`
	From         string `mapstructure:"from" need:"yes" form:"email" eg:"bel@deventer.nl"`
	Name         string `mapstructure:"name" default:"Bereikbaar"`
	Username     string `mapstructure:"username" eg:"bereikbaar"`
	Password     string `mapstructure:"password" form:"secret"`
	PasswordFile string `mapstructure:"password_file" form:"path" eg:"/etc/bereikbaar/smtp_password"`
}

type teamNotifyForm struct {
	Addresses []string `mapstructure:"addresses" need:"yes" form:"email" max:"20" eg:"[kcc@deventer.nl]"`
	Events    []string `mapstructure:"events" max:"4" oneof:"new,warning,overdue,daily" default:"new,warning,overdue,daily" eg:"[overdue, daily]"`
}

type webhookForm struct {
	URL          string   `mapstructure:"url" need:"yes" form:"hook" eg:"https://zaak.deventer.nl/bel"`
	Secret       string   `mapstructure:"secret" form:"secret"`
	SecretFile   string   `mapstructure:"secret_file" need:"yes" form:"path" eg:"/etc/bereikbaar/zaak_secret"`
	Municipality string   `mapstructure:"municipality" form:"id" eg:"deventer"`
	Teams        []string `mapstructure:"teams" form:"id" max:"1000" eg:"[kcc]"`
	Events       []string `mapstructure:"events" max:"4" oneof:"new,warning,overdue,daily" default:"new,warning,overdue,daily" eg:"[new, overdue]"`
}

type promptsForm struct {
	Directory         string `mapstructure:"directory" default:"/var/lib/bereikbaar/prompts" form:"path"`
	AsteriskDirectory string `mapstructure:"asterisk_directory" form:"path" eg:"/var/lib/bereikbaar/prompts"`
}

type stateForm struct {
	Directory string `mapstructure:"directory" default:"/var/lib/bereikbaar" form:"path"`
}

type logForm struct {
	Level  string `mapstructure:"level" default:"info" oneof:"debug,info,warn,error"`
	Format string `mapstructure:"format" default:"text" oneof:"text,json"`
}

type callbacksForm struct {
	Countries     []string      `mapstructure:"countries" form:"country" max:"300" default:"NL" eg:"[NL, BE, DE]"`
	Lease         time.Duration `mapstructure:"lease" default:"15m" min:"1m" max:"8h"`
	WarnPercent   int           `mapstructure:"warn_percent" default:"50" min:"0" max:"99"`
	Attempts      attemptsForm  `mapstructure:"attempts"`
	RetentionDays int           `mapstructure:"retention_days" default:"365" min:"0" max:"3650"`
	Dial          string        `mapstructure:"dial" form:"trunk" eg:"PJSIP/{number}@trunk"`
	Phones        []string      `mapstructure:"phones" form:"phones" max:"100" eg:"[desk*, kcc1]"`
	Caps          capsForm      `mapstructure:"caps"`
	Limits        limitsForm    `mapstructure:"limits"`
}

type capsForm struct {
	Target    int `mapstructure:"target" default:"6" min:"0" max:"100"`
	Colleague int `mapstructure:"colleague" default:"100" min:"0" max:"1000"`
	Day       int `mapstructure:"day" default:"1000" min:"0" max:"100000"`
}

type limitsForm struct {
	Caller int `mapstructure:"caller" default:"5" min:"0" max:"1000"`
	Target int `mapstructure:"target" default:"3" min:"0" max:"1000"`
	Day    int `mapstructure:"day" default:"1000" min:"0" max:"100000"`
}

type attemptsForm struct {
	Least int      `mapstructure:"least" default:"3" min:"1" max:"10"`
	Parts []string `mapstructure:"parts" form:"clock" max:"12" default:"12:00" eg:"[\"12:00\", \"17:00\"]"`
}

type normForm struct {
	Rule string `mapstructure:"rule" default:"closing_time" oneof:"closing_time,same_time"`
}

type kpiForm struct {
	AnswerThreshold time.Duration `mapstructure:"answer_threshold" default:"30s" min:"1s" max:"10m"`
	ShortAbandon    time.Duration `mapstructure:"short_abandon" default:"5s" min:"0s" max:"1m"`
}

type textsForm map[string]map[string]string

type hoursForm map[string][]string

type municipalityForm struct {
	Name               string          `mapstructure:"name" need:"yes" eg:"Deventer"`
	TimeZone           string          `mapstructure:"time_zone" default:"Europe/Amsterdam" form:"zone"`
	Language           string          `mapstructure:"language" default:"nl" form:"language"`
	ContactCentre      string          `mapstructure:"contact" need:"yes" form:"id" eg:"kcc"`
	CallerID           string          `mapstructure:"caller_id" need:"yes" form:"number" eg:"+31140570"`
	Hours              hoursForm       `mapstructure:"hours" need:"yes" keys:"weekday" form:"span" max:"12" eg:"{weekdays: [09:00-17:00]}"`
	Exceptions         []exceptionForm `mapstructure:"exceptions" eg:"[{date: 2026-05-15, reason: Dag na Hemelvaart}]"`
	ClosedOnGoodFriday bool            `mapstructure:"closed_on_good_friday" default:"false"`
	OpenOnHolidays     bool            `mapstructure:"open_on_holidays" default:"false"`
}

type exceptionForm struct {
	Date   string   `mapstructure:"date" need:"yes" form:"date" eg:"2026-12-24"`
	Hours  []string `mapstructure:"hours" form:"span" max:"12" eg:"[09:00-12:00]"`
	Reason string   `mapstructure:"reason" eg:"Kerstavond"`
}

type entryForm struct {
	Number       string     `mapstructure:"number" need:"yes" form:"number" eg:"140570"`
	Municipality string     `mapstructure:"municipality" form:"id" eg:"deventer"`
	Language     string     `mapstructure:"language" form:"language" eg:"nl"`
	Welcome      string     `mapstructure:"welcome" form:"prompt" eg:"welcome"`
	First        targetForm `mapstructure:"first" need:"yes" eg:"{menu: main}"`
}

type unknownForm struct {
	Municipality string     `mapstructure:"municipality" form:"id" eg:"deventer"`
	Language     string     `mapstructure:"language" form:"language" eg:"nl"`
	Welcome      string     `mapstructure:"welcome" form:"prompt" eg:"welcome"`
	First        targetForm `mapstructure:"first" need:"yes" eg:"{team: kcc}"`
}

type targetForm struct {
	Menu  string `mapstructure:"menu" form:"id" eg:"main"`
	Team  string `mapstructure:"team" form:"id" eg:"kcc"`
	Refer string `mapstructure:"refer" form:"prompt" eg:"refer-raalte"`
}

type menuForm struct {
	Prompts    []string              `mapstructure:"prompts" need:"yes" form:"prompt" max:"20" eg:"[menu]"`
	Options    map[string]targetForm `mapstructure:"options" need:"yes" keys:"digit" eg:"{1: {team: kcc}}"`
	StayOnLine *targetForm           `mapstructure:"stay_on_line" eg:"{team: kcc}"`
	Wait       time.Duration         `mapstructure:"wait" default:"5s" min:"1s" max:"30s"`
	Tries      int                   `mapstructure:"tries" default:"3" min:"1" max:"10"`
	Repeats    int                   `mapstructure:"repeats" default:"0" min:"0" max:"5"`
}

type agentForm struct {
	Endpoint string `mapstructure:"endpoint" need:"yes" form:"endpoint" eg:"PJSIP/kcc1"`
}

type teamForm struct {
	Name           string          `mapstructure:"name" need:"yes" eg:"Vergunningen"`
	Municipality   string          `mapstructure:"municipality" form:"id" eg:"deventer"`
	Members        []string        `mapstructure:"members" form:"id" eg:"[kcc1, kcc2]"`
	Strategy       string          `mapstructure:"strategy" default:"longest_idle" oneof:"queue.Strategies"`
	Priority       int             `mapstructure:"priority" default:"0" min:"-100" max:"100"`
	RingTime       time.Duration   `mapstructure:"ring_time" default:"20s" min:"3s" max:"5m"`
	Retry          time.Duration   `mapstructure:"retry" default:"5s" min:"1s" max:"10m"`
	WrapUp         time.Duration   `mapstructure:"wrap_up" default:"15s" min:"0s" max:"1h"`
	MissedLimit    int             `mapstructure:"missed_limit" default:"3" min:"0" max:"100"`
	MissedPause    time.Duration   `mapstructure:"missed_pause" default:"5m" min:"1s" max:"12h"`
	Hours          hoursForm       `mapstructure:"hours" keys:"weekday" form:"span" max:"12" eg:"{weekdays: [09:00-17:00]}"`
	Exceptions     []exceptionForm `mapstructure:"exceptions" eg:"[{date: 2026-05-15}]"`
	OwnDays        bool            `mapstructure:"own_days" default:"false"`
	OpenOnHolidays bool            `mapstructure:"open_on_holidays" default:"false"`
	Norm           string          `mapstructure:"norm" oneof:"closing_time,same_time" eg:"same_time"`
	Greeting       string          `mapstructure:"greeting" form:"prompt" eg:"searching-agent"`
	Music          string          `mapstructure:"music" default:"default" form:"word"`
	Announce       time.Duration   `mapstructure:"announce" default:"30s" min:"0s" max:"10m"`
	MaxWait        time.Duration   `mapstructure:"max_wait" default:"0s" min:"0s" max:"4h"`
	Overflow       string          `mapstructure:"overflow" form:"id" eg:"kcc"`
	Callback       offerForm       `mapstructure:"callback"`
}

type offerForm struct {
	Enabled bool          `mapstructure:"enabled" default:"true"`
	After   time.Duration `mapstructure:"after" default:"2m" min:"0s" max:"4h"`
	Key     string        `mapstructure:"key" default:"1" form:"digit"`
}
