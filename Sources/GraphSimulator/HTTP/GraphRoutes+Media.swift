extension GraphRoutes {
  /// `POST /{phone-number-id}/media`.
  func uploadMedia(
    _ request: GraphRequest, _ world: inout GraphWorld
  ) throws(GraphError) -> GraphReply {
    guard
      let form = MultipartForm(
        request.bytes, contentType: request.headers["content-type"] ?? "")
    else { throw .invalidParameter("the body is not multipart/form-data") }
    guard form["messaging_product"]?.text == "whatsapp" else {
      throw .invalidParameter("messaging_product must be whatsapp")
    }
    guard let file = form["file"] else { throw .missingParameter("file") }
    guard let mimeType = form["type"]?.text ?? file.mimeType else {
      throw .missingParameter("type")
    }
    guard let limit = MediaShelf.limit(of: mimeType) else {
      throw .invalidParameter("Param file must be a file with one of the supported types")
    }
    guard !file.bytes.isEmpty, file.bytes.count <= limit else {
      throw GraphError(131053, 400, "Media upload error", details: "File size exceeds \(limit)")
    }
    let id = String(world.nextID())
    world.media.add(
      MediaShelf.File(
        id: id, mimeType: mimeType, sha256: Digest.sha256(file.bytes), bytes: file.bytes,
        filename: file.filename))
    return GraphReply(["id": JSON(id)])
  }

  /// `GET` and `DELETE /{media-id}`.
  func media(
    _ id: String, _ request: GraphRequest, _ world: inout GraphWorld
  ) throws(GraphError) -> GraphReply {
    guard let file = world.media[id] else { throw .unknownObject(id, request.method) }
    switch request.method {
    case "DELETE":
      _ = world.media.remove(id)
      return .success
    case "GET":
      world.media.open(id, token: randomToken, now: now)
      return GraphReply([
        "messaging_product": "whatsapp",
        "url": JSON("\(baseURL)/\(version)/media-content/\(id)?token=\(randomToken)"),
        "mime_type": JSON(file.mimeType), "sha256": JSON(file.sha256),
        "file_size": JSON(file.bytes.count), "id": JSON(id),
      ])
    default: throw .unknownObject(id, request.method)
    }
  }

  /// The address that ``media(_:_:_:)`` gave out, for five minutes.
  func mediaContent(
    _ id: String, _ request: GraphRequest, _ world: GraphWorld
  ) throws(GraphError) -> GraphReply {
    guard let file = world.media[id], let token = request.query["token"],
      let until = file.addresses[token], until > now
    else {
      throw GraphError(100, 404, "The media address has ended", details: "Ask for a new one.")
    }
    return GraphReply(.file(bytes: file.bytes, mimeType: file.mimeType))
  }

  /// The resumable upload of a template's sample: a session, then its bytes.
  func upload(
    _ object: String, _ request: GraphRequest, _ world: inout GraphWorld
  ) throws(GraphError) -> GraphReply {
    if request.method == "POST", !object.hasPrefix("upload:") {
      let body = try request.json()
      let length = request.query["file_length"] ?? body["file_length"]?.text ?? ""
      guard let length = Int(length), (1...SimulatorLimits.maximumMediaBytes).contains(length)
      else {
        throw .invalidParameter("file_length is required")
      }
      let session = UploadSession(
        id: "upload:\(randomToken)", length: length,
        mimeType: request.query["file_type"] ?? body["file_type"]?.string ?? "")
      world.uploads[session.id] = session
      return GraphReply(["id": JSON(session.id)])
    }
    guard var session = world.uploads[object] else {
      throw .unknownObject(object, request.method)
    }
    guard request.method == "POST" else {
      return GraphReply(["id": JSON(object), "file_offset": JSON(session.received)])
    }
    guard request.headers["file_offset"].flatMap({ Int($0) }) == session.received else {
      throw .invalidParameter("file_offset must be \(session.received)")
    }
    session.received += request.bytes.count
    guard session.received <= session.length else { throw .invalidParameter("more than announced") }
    world.uploads[object] = session
    return GraphReply(["h": JSON("4::\(Digest.sha256(request.bytes).prefix(32))")])
  }
}
