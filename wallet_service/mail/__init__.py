"""Letters as mail: drawn as text and HTML, and handed to a mail server, or laid into a folder in a sandbox."""
