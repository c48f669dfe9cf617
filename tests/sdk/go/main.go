// A scenario with the client that openapi-generator generates for Go.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"

	"pairing-tracker/story/client"
)

// must returns the body and the response; an error ends the program.
func must[T any](body *T, response *http.Response, err error) (*T, *http.Response) {
	if err != nil {
		fail(describe(err))
	}
	return body, response
}

func body[T any](body *T, response *http.Response, err error) *T {
	value, _ := must(body, response, err)
	return value
}

// problem returns the error of a call, when it has this status.
func problem(status int, response *http.Response, err error) client.Problem {
	refusal := new(client.GenericOpenAPIError)
	if !errors.As(err, &refusal) {
		fail("a refusal was expected, not", response, err)
	}
	problem, typed := refusal.Model().(client.Problem)
	if !typed {
		fail("the refusal has no type:", describe(err))
	}
	equal(response.StatusCode, status)
	equal(int(problem.Status), status)
	return problem
}

func describe(err error) string {
	refusal := new(client.GenericOpenAPIError)
	if errors.As(err, &refusal) {
		return err.Error() + ": " + string(refusal.Body())
	}
	return err.Error()
}

func equal[T comparable](found, expected T) {
	if found != expected {
		fail("expected", expected, "found", found)
	}
}

func fail(parts ...any) {
	panic(fmt.Sprintln(parts...))
}

// agreementsOf reads all agreements of a pairing, page by page.
func agreementsOf(ctx context.Context, api *client.APIClient, pairing string) []client.Agreement {
	var all []client.Agreement
	request := api.AgreementsAPI.ListAgreements(ctx).Pairing(pairing).Limit(1)
	for {
		page := body(request.Execute())
		all = append(all, page.Items...)
		next, more := page.GetNextCursorOk()
		if !more || next == nil {
			return all
		}
		request = request.Cursor(*next)
	}
}

func story(ctx context.Context, api *client.APIClient) {
	pairings := body(api.PairingsAPI.ListPairings(ctx).Q("恩平").Execute()).Items
	equal(len(pairings), 1)
	pairing := pairings[0]
	equal(pairing.Name.Zh, "蓬江区、江海区—恩平市")
	fmt.Println("ok 1 find the pairing of Enping")

	var codes []string
	for _, agreement := range agreementsOf(ctx, api, pairing.Code) {
		codes = append(codes, agreement.Code)
	}
	slices.Sort(codes)
	equal(fmt.Sprint(codes), "[jianghai-enping-framework-2022 pengjiang-enping-framework-2022]")
	fmt.Println("ok 2 page through its agreements")

	title := client.NewText("示例备忘录")
	title.SetEn("Sample memorandum")
	paper := client.NewAgreementInput("go-memorandum", pairing.Code, client.AGREEMENTKIND_MEMORANDUM, *title)
	create := api.AgreementsAPI.CreateAgreement(ctx).AgreementInput(*paper)
	memorandum := body(create.IdempotencyKey("go-1").Execute())
	equal(memorandum.Status, client.AGREEMENTSTATUS_DRAFT)
	equal(memorandum.SignedOn.Get(), nil)
	// The same request again, as after a lost response, returns the same record.
	equal(body(create.IdempotencyKey("go-1").Execute()).Id, memorandum.Id)
	due := client.NewMilestoneInput(*client.NewText("签署"), "2030-06-30")
	due.SetAgreement(memorandum.Code)
	due.SetKind("signing")
	milestone := body(api.MilestonesAPI.CreateMilestone(ctx).MilestoneInput(*due).IdempotencyKey("go-2").Execute())
	equal(milestone.DueOn, "2030-06-30")
	equal(*milestone.Pairing.Code.Get(), pairing.Code)
	fmt.Println("ok 3 create a memorandum with a milestone")

	read, answer := must(api.AgreementsAPI.GetAgreement(ctx, memorandum.Code).Execute())
	seen := answer.Header.Get("ETag")
	words := client.NewTextPatch()
	words.SetEn("Memorandum, as an example")
	patch := client.NewAgreementPatch()
	patch.SetTitle(*words)
	patch.SetNote("示例")
	update := api.AgreementsAPI.UpdateAgreement(ctx, memorandum.Code)
	changed, answer := must(update.AgreementPatch(*patch).IfMatch(seen).Execute())
	equal(changed.Version, read.Version+1)
	equal(changed.Title.Zh, "示例备忘录")
	equal(*changed.Title.En.Get(), "Memorandum, as an example")
	equal(*changed.Note.Get(), "示例")
	// A field that is null is cleared; a field that is absent stays.
	clear := client.NewAgreementPatch()
	clear.SetNoteNil()
	cleared, answer := must(update.AgreementPatch(*clear).IfMatch(answer.Header.Get("ETag")).Execute())
	equal(cleared.Note.Get(), nil)
	current := answer.Header.Get("ETag")
	fmt.Println("ok 4 change it with the ETag that was read")

	_, answer, err := update.AgreementPatch(*patch).IfMatch(seen).Execute()
	equal(problem(http.StatusPreconditionFailed, answer, err).Code, "precondition_failed")
	_, answer, err = create.Execute()
	taken := problem(http.StatusConflict, answer, err)
	equal(taken.Code, "already_exists")
	equal(taken.Errors[0].Pointer, "/code")
	met := client.NewMilestoneInput(*client.NewText("签署"), "2030-06-30")
	met.SetAgreement(memorandum.Code)
	met.SetStatus(client.MILESTONESTATUS_MET)
	_, answer, err = api.MilestonesAPI.CreateMilestone(ctx).MilestoneInput(*met).Execute()
	refused := problem(http.StatusUnprocessableEntity, answer, err)
	equal(refused.Errors[0].Pointer, "/met_on")
	equal(refused.Errors[0].Code, "required")
	fmt.Println("ok 5 meet conflicts and a validation problem as typed errors")

	content := make([]byte, 16384)
	for index := range content {
		content[index] = byte(index)
	}
	document := body(api.DocumentsAPI.CreateDocument(ctx).
		DocumentInput(*client.NewDocumentInput("go-document", *client.NewText("示例文件"))).Execute())
	file := temporary(content)
	stored, answer := must(api.DocumentsAPI.PutDocumentContent(ctx, document.Code).Body(file).Execute())
	equal(*stored.ByteSize.Get(), int64(len(content)))
	written := answer.Header.Get("ETag")
	download := *body(api.DocumentsAPI.GetDocumentContent(ctx, document.Code).Execute())
	found, err := os.ReadFile(download.Name())
	equal(err, nil)
	equal(bytes.Equal(found, content), true)
	equal(os.Remove(download.Name()), nil)
	fmt.Println("ok 6 upload and download a document")

	list := api.AgreementsAPI.ListAgreements(ctx).Pairing(pairing.Code).Sort("-id").Count(true).
		Kind([]client.AgreementKind{client.AGREEMENTKIND_FRAMEWORK_AGREEMENT, client.AGREEMENTKIND_MEMORANDUM})
	drafts := body(list.Status([]client.AgreementStatus{client.AGREEMENTSTATUS_DRAFT}).Execute())
	all := body(list.Status([]client.AgreementStatus{client.AGREEMENTSTATUS_DRAFT, client.AGREEMENTSTATUS_SIGNED}).Execute())
	equal(*drafts.Total, 1)
	equal(*all.Total, 3)
	equal(all.Items[0].Code, memorandum.Code)
	fmt.Println("ok 7 list with several filters")

	for _, deleted := range []func() (*http.Response, error){
		api.MilestonesAPI.DeleteMilestone(ctx, fmt.Sprint(milestone.Id)).IfMatch("*").Execute,
		api.AgreementsAPI.DeleteAgreement(ctx, memorandum.Code).IfMatch(current).Execute,
		api.DocumentsAPI.DeleteDocument(ctx, document.Code).IfMatch(written).Execute,
	} {
		answer, err := deleted()
		equal(err, nil)
		equal(answer.StatusCode, http.StatusNoContent)
	}
	_, answer, err = api.AgreementsAPI.GetAgreement(ctx, memorandum.Code).Execute()
	equal(problem(http.StatusNotFound, answer, err).Code, "not_found")
	fmt.Println("ok 8 delete what was made")
}

// temporary returns a file with this content, which is removed when it is closed.
func temporary(content []byte) *os.File {
	file, err := os.CreateTemp("", "story")
	equal(err, nil)
	equal(os.Remove(file.Name()), nil)
	_, err = file.Write(content)
	equal(err, nil)
	_, err = file.Seek(0, 0)
	equal(err, nil)
	return file
}

func main() {
	configuration := client.NewConfiguration()
	configuration.Servers = client.ServerConfigurations{{URL: os.Getenv("PAIRING_TRACKER_URL")}}
	ctx := context.WithValue(context.Background(), client.ContextAccessToken, os.Getenv("PAIRING_TRACKER_KEY"))
	story(ctx, client.NewAPIClient(configuration))
}
