"""The paper's user study (section 5.4, Table 4): which of two texts is more relevant?

And that of hashtags and stories, with the same pages, keys and answers: three questions by yes or
no on each picture.

contenders  runs that eval has been through, and the posts that all of them have
choice      which posts are asked about, and the three posts of the same user beside each
ratings     what the second form asks about
making      draws a study of either form
plan        who judges what, with whose text in which place
sheets      what workers get: pages for a browser, files for a crowdsourcing site
key         the secret: whose text is where
answers     what workers send back
votes       counted by pair, with intervals and agreement
tables      printed and written beside Table 4
rating_tables  those of the second form, beside what its authors report
"""
