import Edge
import Hummingbird
import Storage
import Wire

/// Making, changing, listing and reading contacts.
enum ContactRoutes {
  static func register(on routes: CellRoutes) {
    let services = routes.services
    routes.api(.post, "/v1/contacts", .contactsWrite) { request, context in
      let call = try await context.command(ContactInput.self, request, file: .messages)
      return try await call.perform(services) { tx, input in
        let contact = try Contacts(tx).seen(
          waID: input.waID, userID: input.userID, name: nil, at: tx.now)
        return try .json(201, try change(contact.id, input, tx))
      }
    }
    routes.api(.put, "/v1/contacts/:id", .contactsWrite) { request, context in
      let id = try context.rowID("id", .contact)
      let call = try await context.command(ContactInput.self, request, file: .messages)
      return try await call.perform(services) { tx, input in
        let contact = try Contacts(tx).find(id)
        guard input.waID == nil || input.waID == contact.waID,
          input.userID == nil || input.userID == contact.userID
        else { throw Failure(.conflict, "a contact's phone and user id are not changed here") }
        return try .json(200, try change(contact.id, input, tx))
      }
    }
    routes.api(.get, "/v1/contacts/:id", .contactsRead) { _, context in
      let id = try context.rowID("id", .contact)
      return try await services.store.read(try context.tenant(), [.messages]) { snapshot in
        let store = ContactsStore(snapshot.file(.messages))
        guard let contact = try store.following(id) else {
          throw Failure(.notFound, "there is no such contact")
        }
        return try StoredAnswer.json(
          200, ContactAnswer(contact: contact, tags: try store.tags(of: contact.id)))
      }.response
    }
    routes.api(.get, "/v1/contacts", .contactsRead) { request, context in
      try await list(request, context, services)
    }
  }

  /// `?phone` or `?user_id` finds one person, `?tag` those who have it.
  private static func list(
    _ request: Request, _ context: CellContext, _ services: CellServices
  ) async throws -> Response {
    let query = try ListQuery(request)
    let after = try query.afterRow()
    let parameters = request.uri.queryParameters
    let tag = parameters["tag"].map(String.init)
    let userID = parameters["user_id"].map(String.init)
    var waID: String?
    if let phone = parameters["phone"] {
      guard let digits = ContactIdentity.waID(phone: String(phone)) else {
        throw Failure(.invalidField, "phone must be a phone number in E.164")
      }
      waID = digits
    }
    let wanted = (waID: waID, userID: userID)
    let page = try await services.store.read(try context.tenant(), [.messages]) { snapshot in
      let store = ContactsStore(snapshot.file(.messages))
      let contacts: [Contact]
      if let waID = wanted.waID {
        contacts = try store.find(waID: waID).map { [$0] } ?? []
      } else if let userID = wanted.userID {
        contacts = try store.find(userID: userID).map { [$0] } ?? []
      } else {
        contacts = try store.list(after: after, tag: tag, limit: query.limit + 1)
      }
      return try Page(contacts, query, key: \.id) { contact in
        ContactAnswer(contact: contact, tags: try store.tags(of: contact.id))
      }
    }
    return try .json(page)
  }

  private static func change(
    _ id: RowID, _ input: ContactInput, _ tx: Transaction
  ) throws -> ContactAnswer {
    let contacts = try Contacts(tx)
    if let name = input.name { try contacts.rename(id, name) }
    if let optedOut = input.optedOut { try contacts.setOptedOut(id, optedOut) }
    if let tags = input.tags { try contacts.setTags(tags, of: id) }
    return ContactAnswer(contact: try contacts.find(id), tags: try contacts.tags(of: id))
  }
}
