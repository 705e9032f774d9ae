package api

import "slices"

// Document is the OpenAPI document as it is served.
var Document = document

// RouteList names every route as the document does: method, path and operationId, sorted.
func RouteList() []string {
	var list []string
	for _, r := range new(API).routes() {
		list = append(list, r.method+" "+r.path+" "+r.id)
	}
	slices.Sort(list)
	return list
}
