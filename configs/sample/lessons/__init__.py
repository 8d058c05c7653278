"""What the sample's checkpoint is taught: five tasks by rule, on the sample's own pages and on made-up sentences.

``pages`` has the sentences and which pages are held out, ``rules`` the answers, ``phrases`` the closed vocabulary
of the toy translation, ``mix`` the stream of lessons. Nothing here knows networks or tensors.
"""
