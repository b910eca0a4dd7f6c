"""The pages for the two parties and for operators: rendered here, without a program in the browser.

They show what the views say and send the same commands as the API; a marketplace may embed or replace them.
"""
