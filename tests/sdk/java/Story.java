import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.net.http.HttpRequest;
import java.time.LocalDate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;

import pairingtracker.ApiClient;
import pairingtracker.ApiException;
import pairingtracker.ApiResponse;
import pairingtracker.api.AgreementsApi;
import pairingtracker.api.AgreementsApi.APICreateAgreementRequest;
import pairingtracker.api.AgreementsApi.APIDeleteAgreementRequest;
import pairingtracker.api.AgreementsApi.APIGetAgreementRequest;
import pairingtracker.api.AgreementsApi.APIListAgreementsRequest;
import pairingtracker.api.AgreementsApi.APIUpdateAgreementRequest;
import pairingtracker.api.DocumentsApi;
import pairingtracker.api.DocumentsApi.APICreateDocumentRequest;
import pairingtracker.api.DocumentsApi.APIDeleteDocumentRequest;
import pairingtracker.api.DocumentsApi.APIGetDocumentContentRequest;
import pairingtracker.api.DocumentsApi.APIPutDocumentContentRequest;
import pairingtracker.api.MilestonesApi;
import pairingtracker.api.MilestonesApi.APICreateMilestoneRequest;
import pairingtracker.api.MilestonesApi.APIDeleteMilestoneRequest;
import pairingtracker.api.PairingsApi;
import pairingtracker.api.PairingsApi.APIListPairingsRequest;
import pairingtracker.model.Agreement;
import pairingtracker.model.AgreementKind;
import pairingtracker.model.AgreementList;
import pairingtracker.model.AgreementPatch;
import pairingtracker.model.AgreementStatus;
import pairingtracker.model.Document;
import pairingtracker.model.Milestone;
import pairingtracker.model.MilestoneStatus;
import pairingtracker.model.NewAgreement;
import pairingtracker.model.NewDocument;
import pairingtracker.model.NewMilestone;
import pairingtracker.model.Pairing;
import pairingtracker.model.Problem;
import pairingtracker.model.Text;
import pairingtracker.model.TextPatch;

/** A scenario with the client that openapi-generator generates for java.net.http and Jackson. */
final class Story {
    private final String key;
    private final ApiClient client = new ApiClient();
    private final PairingsApi pairings;
    private final AgreementsApi agreements;
    private final MilestonesApi milestones;
    private final DocumentsApi documents;

    private Story(String url, String key) {
        this.key = key;
        client.updateBaseUri(url);
        client.setRequestInterceptor(this::authorize);
        pairings = new PairingsApi(client);
        agreements = new AgreementsApi(client);
        milestones = new MilestonesApi(client);
        documents = new DocumentsApi(client);
    }

    public static void main(String[] arguments) throws Exception {
        new Story(System.getenv("PAIRING_TRACKER_URL"), System.getenv("PAIRING_TRACKER_KEY")).run();
    }

    private void authorize(HttpRequest.Builder request) {
        request.setHeader("Authorization", "Bearer " + key);
    }

    private interface Call {
        void run() throws ApiException;
    }

    /** The error of a call, when it has this status. */
    private Problem problem(int status, Call call) throws IOException {
        try {
            call.run();
        } catch (ApiException refusal) {
            if (refusal.getCode() != status) {
                throw new AssertionError(status + " was expected, not " + refusal.getCode(), refusal);
            }
            Problem problem = client.getObjectMapper().readValue(refusal.getResponseBody(), Problem.class);
            equal(status, problem.getStatus());
            return problem;
        }
        throw new AssertionError("a refusal was expected");
    }

    private static void equal(Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            throw new AssertionError(expected + " was expected, not " + found);
        }
    }

    private static String etag(ApiResponse<?> response) {
        return response.getHeaders().get("etag").get(0);
    }

    /** All agreements of a pairing, page by page. */
    private List<Agreement> agreementsOf(String pairing) throws ApiException {
        List<Agreement> all = new ArrayList<>();
        String cursor = null;
        do {
            AgreementList page = agreements.listAgreements(
                    APIListAgreementsRequest.newBuilder().pairing(pairing).limit(1L).cursor(cursor).build());
            all.addAll(page.getItems());
            cursor = page.getNextCursor();
        } while (cursor != null);
        return all;
    }

    private void run() throws ApiException, IOException {
        List<Pairing> found = pairings.listPairings(APIListPairingsRequest.newBuilder().q("恩平").build()).getItems();
        equal(1, found.size());
        Pairing pairing = found.get(0);
        equal("蓬江区、江海区—恩平市", pairing.getName().getZh());
        System.out.println("ok 1 find the pairing of Enping");

        Set<String> codes = new TreeSet<>();
        agreementsOf(pairing.getCode()).forEach(agreement -> codes.add(agreement.getCode()));
        equal(Set.of("jianghai-enping-framework-2022", "pengjiang-enping-framework-2022"), codes);
        System.out.println("ok 2 page through its agreements");

        NewAgreement paper = new NewAgreement()
                .code("java-memorandum")
                .pairing(pairing.getCode())
                .kind(AgreementKind.MEMORANDUM)
                .title(new Text().zh("示例备忘录").en("Sample memorandum"));
        APICreateAgreementRequest once =
                APICreateAgreementRequest.newBuilder().newAgreement(paper).idempotencyKey("java-1").build();
        Agreement memorandum = agreements.createAgreement(once);
        equal(AgreementStatus.DRAFT, memorandum.getStatus());
        equal(null, memorandum.getSignedOn());
        // The same request again, as after a lost response, returns the same record.
        equal(memorandum.getId(), agreements.createAgreement(once).getId());
        NewMilestone due = new NewMilestone()
                .agreement(memorandum.getCode())
                .title(new Text().zh("签署"))
                .dueOn(LocalDate.of(2030, 6, 30))
                .kind("signing");
        Milestone milestone = milestones.createMilestone(
                APICreateMilestoneRequest.newBuilder().newMilestone(due).idempotencyKey("java-2").build());
        equal(LocalDate.of(2030, 6, 30), milestone.getDueOn());
        equal(pairing.getCode(), milestone.getPairing().getCode());
        System.out.println("ok 3 create a memorandum with a milestone");

        String ref = memorandum.getCode();
        APIGetAgreementRequest get = APIGetAgreementRequest.newBuilder().ref(ref).build();
        ApiResponse<Agreement> read = agreements.getAgreementWithHttpInfo(get);
        AgreementPatch patch =
                new AgreementPatch().title(new TextPatch().en("Memorandum, as an example")).note("示例");
        APIUpdateAgreementRequest update =
                APIUpdateAgreementRequest.newBuilder().ref(ref).agreementPatch(patch).ifMatch(etag(read)).build();
        ApiResponse<Agreement> updated = agreements.updateAgreementWithHttpInfo(update);
        Agreement changed = updated.getData();
        equal(read.getData().getVersion() + 1, changed.getVersion());
        equal("示例备忘录", changed.getTitle().getZh());
        equal("Memorandum, as an example", changed.getTitle().getEn());
        equal("示例", changed.getNote());
        System.out.println("ok 4 change it with the ETag that was read");

        equal("precondition_failed", problem(412, () -> agreements.updateAgreement(update)).getCode());
        Problem taken = problem(409, () -> agreements.createAgreement(
                APICreateAgreementRequest.newBuilder().newAgreement(paper).build()));
        equal("already_exists", taken.getCode());
        equal("/code", taken.getErrors().get(0).getPointer());
        NewMilestone met = new NewMilestone()
                .agreement(ref)
                .title(new Text().zh("签署"))
                .dueOn(LocalDate.of(2030, 6, 30))
                .status(MilestoneStatus.MET);
        Problem refused = problem(422, () -> milestones.createMilestone(
                APICreateMilestoneRequest.newBuilder().newMilestone(met).build()));
        equal("/met_on", refused.getErrors().get(0).getPointer());
        equal("required", refused.getErrors().get(0).getCode());
        System.out.println("ok 5 meet conflicts and a validation problem as typed errors");

        byte[] content = new byte[16384];
        for (int index = 0; index < content.length; index++) {
            content[index] = (byte) index;
        }
        Document document = documents.createDocument(APICreateDocumentRequest.newBuilder()
                .newDocument(new NewDocument().code("java-document").title(new Text().zh("示例文件")))
                .build());
        Path file = Files.createTempFile("story", ".bin");
        Files.write(file, content);
        ApiResponse<Document> stored = uploads(file).putDocumentContentWithHttpInfo(
                APIPutDocumentContentRequest.newBuilder().ref(document.getCode()).body(file.toFile()).build());
        Files.delete(file);
        equal((long) content.length, stored.getData().getByteSize());
        Path download = documents.getDocumentContent(
                        APIGetDocumentContentRequest.newBuilder().ref(document.getCode()).build())
                .toPath();
        equal(true, Arrays.equals(content, Files.readAllBytes(download)));
        Files.delete(download);
        System.out.println("ok 6 upload and download a document");

        AgreementList drafts = found(pairing, AgreementStatus.DRAFT);
        AgreementList all = found(pairing, AgreementStatus.DRAFT, AgreementStatus.SIGNED);
        equal(1L, drafts.getTotal());
        equal(3L, all.getTotal());
        equal(ref, all.getItems().get(0).getCode());
        System.out.println("ok 7 list with several filters");

        milestones.deleteMilestone(APIDeleteMilestoneRequest.newBuilder()
                .ref(String.valueOf(milestone.getId())).ifMatch("*").build());
        agreements.deleteAgreement(
                APIDeleteAgreementRequest.newBuilder().ref(ref).ifMatch(etag(updated)).build());
        documents.deleteDocument(
                APIDeleteDocumentRequest.newBuilder().ref(document.getCode()).ifMatch(etag(stored)).build());
        equal("not_found", problem(404, () -> agreements.getAgreement(get)).getCode());
        System.out.println("ok 8 delete what was made");
    }

    /** Replaces the body of an upload by the file's bytes, as this generator writes it as JSON. */
    private DocumentsApi uploads(Path file) {
        ApiClient uploading = new ApiClient();
        uploading.updateBaseUri(client.getBaseUri());
        uploading.setRequestInterceptor(request -> {
            authorize(request);
            try {
                request.PUT(HttpRequest.BodyPublishers.ofFile(file));
            } catch (IOException failure) {
                throw new java.io.UncheckedIOException(failure);
            }
        });
        return new DocumentsApi(uploading);
    }

    private AgreementList found(Pairing pairing, AgreementStatus... status) throws ApiException {
        return agreements.listAgreements(APIListAgreementsRequest.newBuilder()
                .pairing(pairing.getCode())
                .kind(List.of(AgreementKind.FRAMEWORK_AGREEMENT, AgreementKind.MEMORANDUM))
                .status(List.of(status))
                .sort("-id")
                .count(true)
                .build());
    }
}
