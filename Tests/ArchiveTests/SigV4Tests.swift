import Storage
import Testing
import Wire

@testable import Archive

/// The facts of Amazon's published examples of Signature Version 4 for S3.
@Suite struct SigV4Tests {
  private let signer = SigV4(
    credentials: SigV4.Credentials(
      accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
    region: "us-east-1")
  private let time = Timestamp(rfc3339: "2013-05-24T00:00:00Z") ?? .zero
  private let host = "examplebucket.s3.amazonaws.com"
  private let empty = "\(SHA256Hash.of([]))"

  private func signature(_ request: SigV4.Request) -> String {
    let headers = signer.headers(request, at: time)
    let authorization = headers.first { $0.name == "authorization" }?.value ?? ""
    return String(authorization.split(separator: "=").last ?? "")
  }

  @Test func `an object read in part`() {
    #expect(
      signature(
        SigV4.Request(
          method: "GET", host: host, path: "/test.txt", headers: [("range", "bytes=0-9")],
          payloadHash: empty))
        == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
  }

  @Test func `an object written under a name with a sign that must be encoded`() {
    #expect(
      signature(
        SigV4.Request(
          method: "PUT", host: host, path: "/\(SigV4.encode("test$file.text", isPath: true))",
          headers: [
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
          ], payloadHash: "\(SHA256Hash.of(Array("Welcome to Amazon S3.".utf8)))"))
        == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
  }

  @Test func `a bucket's setting, a query without a value`() {
    #expect(
      signature(
        SigV4.Request(
          method: "GET", host: host, path: "/", query: [("lifecycle", "")], payloadHash: empty))
        == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
  }

  @Test func `a listing, its query sorted`() {
    #expect(
      signature(
        SigV4.Request(
          method: "GET", host: host, path: "/", query: [("prefix", "J"), ("max-keys", "2")],
          payloadHash: empty))
        == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
  }
}
